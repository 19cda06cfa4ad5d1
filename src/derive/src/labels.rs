//! Every label and annotation of ours: key, meaning, allowed values. Not for: what follows from them (`features/`).
//! Source: design.md section 4.

/// What all our keys begin with. A label `infra.flomesh.io/X: 'true'` turns the feature `X` on, by rule; the labels of
/// [`PARAMETERS`] are no features.
pub const PREFIX: &str = "infra.flomesh.io/";

/// Turns service registration on. `true` or `false`; absent: off.
pub const REGISTRY: &str = "infra.flomesh.io/registry";
/// Turns the proxy on. `true` or `false`; absent: off. As an annotation it makes `ballast-cni` lead connections to it.
pub const PROXY: &str = "infra.flomesh.io/proxy";
/// Asks the admission webhook for the agent as a sidecar (`true`), or for none (`false`); absent: as the webhook is set. It only
/// counts when a Pod is created.
pub const SIDECAR: &str = "infra.flomesh.io/sidecar";
/// Annotations `infra.flomesh.io/proxy.<name>`: settings of `ballast-init` and `ballast-cni` (their `--help`), of which the
/// proxy takes `inbound-port` and `outbound-port`; and `plain-ports`, a list of ports whose protocol is not looked at.
pub const PROXY_PREFIX: &str = "infra.flomesh.io/proxy.";
/// Service name to register. A label value that is not empty; absent: env `spring.application.name`, else [`APP`].
pub const SERVICE_NAME: &str = "infra.flomesh.io/service-name";
/// Ports to register. Numbers or names of declared ports, several by comma where it is an annotation, or by `_` or `.`
/// where it is a label (Kubernetes allows no comma in labels); absent: the ports that readiness probes name.
pub const PORT: &str = "infra.flomesh.io/port";
/// The widely used label for the name of the application.
pub const APP: &str = "app";
/// Annotations `infra.flomesh.io/metadata.<key>`: metadata `<key>` of each registered instance.
pub const METADATA_PREFIX: &str = "infra.flomesh.io/metadata.";

/// Labels that are settings of features, not features.
pub const PARAMETERS: &[&str] = &[PORT, SERVICE_NAME, SIDECAR];
