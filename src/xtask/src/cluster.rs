//! A cluster to work with: one node whose sandbox image is ours, with our parts installed, until Ctrl-C. Not for: how a node is
//! made (the harness of tests does that), the demo's story.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use ballast_tests::node::images::Archive;
use ballast_tests::node::{GATEWAY, NODE, Node, Settings};
use ballast_tests::registries::{EUREKA_PORT, Jars};
use ballast_tests::{Forward, Process};

use crate::prereq::{self, Group};
use crate::{build, console, images, interrupt, kubernetes, registries, workspace};

pub(crate) const HELP: &str = "\
Starts a Kubernetes cluster of one node, with our Pod image as its sandbox image and what k8s/
makes installed, prints how to use it, and runs until Ctrl-C. All of it is in namespaces of its
own: nothing of the machine is changed, and nothing is left. Takes root; a minute when all is
built, a quarter of an hour the first time.

Options:
  --eureka          also a real Eureka, and the settings of demo/03-kubernetes, so that a label
                    registers a Pod
  --bare            install nothing
  --image FILE      import one more image (a docker or OCI archive); any number of times
  --no-build        take binaries, images and jars as they are in target/

Examples:
  cargo xtask cluster
  cargo xtask cluster --eureka --image my-app.tar
  podman save -o my-app.tar my-app:1     # then imagePullPolicy must not be Always
";

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    with_eureka: bool,
    is_bare: bool,
    is_built: bool,
    images: Vec<PathBuf>,
}

pub(crate) fn run(parser: lexopt::Parser) -> anyhow::Result<()> {
    let options = parse(parser)?;
    for file in &options.images {
        anyhow::ensure!(file.is_file(), "--image {}: there is no such file", file.display());
    }
    prepare(options.is_built, options.with_eureka)?;
    console::say("starting the node");
    let cluster = start(&options)?;
    console::plain(&how_to_use(&cluster, &options));
    interrupt::wait_for_the_end()
}

/// The node, and what it needs as long as it is used.
pub(crate) struct Cluster {
    pub(crate) node: Node,
    eureka: Option<(Process, Forward)>,
}

fn parse(mut parser: lexopt::Parser) -> anyhow::Result<Options> {
    let mut options = Options::default();
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Long("eureka") => options.with_eureka = true,
            lexopt::Arg::Long("bare") => options.is_bare = true,
            lexopt::Arg::Long("image") => options.images.push(PathBuf::from(parser.value()?)),
            lexopt::Arg::Long("no-build") => options.is_built = true,
            other => return Err(other.unexpected().into()),
        }
    }
    if options.is_bare && options.with_eureka {
        return Err(crate::Usage("--bare installs nothing, --eureka needs what it leaves out".to_owned()).into());
    }
    Ok(options)
}

/// Makes sure that all is there, and tells the harness where.
///
/// # Errors
/// Not root, or what can't be had.
pub(crate) fn prepare(is_built: bool, with_registries: bool) -> anyhow::Result<()> {
    prereq::ensure_root("a cluster")?;
    prereq::ensure(&[Group::Pods, Group::Node])?;
    if with_registries {
        prereq::ensure(&[Group::Registries])?;
    }
    if !is_built {
        build::binaries()?;
        images::all()?;
        if with_registries {
            registries::jars()?;
        }
    }
    kubernetes::parts()?;
    ballast_tests::use_kubernetes(&kubernetes::folder()?);
    Ok(())
}

fn start(options: &Options) -> anyhow::Result<Cluster> {
    let image = |name: &str| workspace::images().join(format!("{name}.tar"));
    let mut settings = Settings {
        sandbox: (image("pod"), images::reference("pod")),
        images: ["repo", "controller", "demo-ratings", "demo-static"]
            .map(image)
            .to_vec(),
    };
    settings.images.extend(options.images.iter().cloned());
    let java = match options.with_eureka {
        true => {
            console::say("making an image of Java for the Pods of the demo (the first time: half a minute)");
            Some(harness("its image", || Archive::java(&workspace::jars()))?)
        }
        false => None,
    };
    settings.images.extend(java.as_ref().map(Archive::path));
    let missing = [&settings.sandbox.0]
        .into_iter()
        .chain(&settings.images)
        .find(|file| !file.is_file());
    if let Some(missing) = missing {
        anyhow::bail!(
            "{} is not there; run it without --no-build, or `cargo xtask images`",
            missing.display()
        );
    }
    let node = harness("the node", || Node::start(&settings))?;
    console::say(&format!("{NODE} is Ready"));
    let eureka = match options.with_eureka {
        true => {
            console::say("starting Eureka");
            let eureka = Jars::in_folder(workspace::jars()).eureka(node.netns(), &[])?;
            let way = Forward::start(node.netns(), 0, EUREKA_PORT).context("open a way to Eureka")?;
            Some((eureka, way))
        }
        false => None,
    };
    if !options.is_bare {
        let folder = if options.with_eureka {
            "demo/03-kubernetes"
        } else {
            "k8s"
        };
        console::say(&format!("kubectl apply -k {folder}"));
        harness("our parts", || node.install(&workspace::root().join(folder)))?;
    }
    console::say("all parts are Ready");
    Ok(Cluster { node, eureka })
}

/// Does what panics when it fails, as the harness of tests does; the panic becomes an error.
fn harness<T>(what: &str, work: impl FnOnce() -> T) -> anyhow::Result<T> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("see above");
        anyhow!("{what} did not start: {words}")
    })
}

fn how_to_use(cluster: &Cluster, options: &Options) -> String {
    let node = &cluster.node;
    let bin = kubernetes::folder().unwrap_or_default();
    let mut text = format!(
        "
The cluster runs until Ctrl-C. In another shell:

  export KUBECONFIG={kubeconfig} PATH={bin}:$PATH
  kubectl get pods -A
",
        kubeconfig = node.plane.kubeconfig().display(),
        bin = bin.display(),
    );
    if let Some((_, way)) = &cluster.eureka {
        text.push_str(&format!(
            "  kubectl apply -f demo/03-kubernetes/ratings.yaml      # the rest is in demo/03-kubernetes/README.md
  curl http://{address}/eureka/apps          # Pods reach it as http://{GATEWAY}:{EUREKA_PORT}/eureka
  kubectl label pod ratings infra.flomesh.io/registry-
",
            address = way.address(),
        ));
    } else if !options.is_bare {
        text.push_str(
            "  kubectl -n ballast-system logs deploy/ballast-controller
  kubectl label pod SOME-POD infra.flomesh.io/registry=true
  kubectl describe pod SOME-POD              # what the controller did for it
",
        );
    }
    text.push_str(&format!(
        "
Images are never pulled: `cargo xtask cluster --image FILE` imports them. The node's network:
  nsenter --net={} curl http://POD-IP:PORT/",
        node.netns().path().display()
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parsed(words: &[&str]) -> anyhow::Result<Options> {
        parse(lexopt::Parser::from_args(words))
    }

    #[test]
    fn options_and_what_does_not_go_together() {
        let options = parsed(&["--eureka", "--image", "a.tar", "--image=b.tar"]).unwrap();
        assert!(options.with_eureka && !options.is_bare && !options.is_built);
        assert_eq!(options.images, [PathBuf::from("a.tar"), PathBuf::from("b.tar")]);
        for wrong in [&["--bare", "--eureka"][..], &["--image"], &["word"], &["--other"]] {
            parsed(wrong).unwrap_err();
        }
    }

    #[test]
    fn a_panic_becomes_an_error_with_its_words() {
        let error = harness("the moon", || std::panic::panic_any("no cheese".to_owned())).unwrap_err();
        assert_eq!(error.to_string(), "the moon did not start: no cheese");
    }
}
