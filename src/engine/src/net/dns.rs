//! Names to addresses: literals, `localhost`, the hosts file, then DNS. Not for service registries (scripts do those).
//!
//! A static binary has no NSS, so nothing else in the engine may look names up. What hickory does badly by itself is
//! done here: an address is never sent through DNS, a dead server costs `limits::DNS_DEADLINE` and not a minute, a name
//! that was once known stays known while the servers are dead, a missing resolv.conf only means that there is no DNS.

use crate::limits;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::ResolveHosts;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::parse_resolv_conf;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

thread_local! {
    // One a worker thread. The resolver in it is built at the first look-up: threads that need none pay nothing.
    static DNS: Rc<Dns> = Rc::new(Dns::new("/etc/resolv.conf".into(), "/etc/hosts".into(), None));
}

/// Addresses of `name`, IPv4 first, at most `limits::DNS_ADDRESSES`; none when it cannot be resolved.
pub(crate) async fn resolve(name: &str) -> Vec<IpAddr> {
    let dns = DNS.with(Rc::clone);
    dns.resolve(name).await
}

/// The address that `name` means without asking anybody: a literal (also in brackets), or `localhost`.
pub(crate) fn literal(name: &str) -> Option<IpAddr> {
    if name.eq_ignore_ascii_case("localhost") {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    let name = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    name.parse().ok()
}

struct Dns {
    conf: PathBuf,
    hosts: PathBuf,
    /// Port of the servers, for tests; by default 53.
    port: Option<u16>,
    resolver: RefCell<Option<Rc<TokioResolver>>>,
    known_hosts: RefCell<Option<(Instant, HostTable)>>,
    last_good: RefCell<LastGood>,
}

type HostTable = Rc<HashMap<String, Vec<IpAddr>>>;

/// The last good answer for each name.
#[derive(Default)]
struct LastGood(HashMap<String, (Instant, Vec<IpAddr>)>);

impl LastGood {
    fn put(&mut self, name: &str, addresses: &[IpAddr]) {
        if !self.0.contains_key(name) && self.0.len() >= limits::DNS_CACHE_NAMES {
            let oldest = self
                .0
                .iter()
                .min_by_key(|(_, (since, _))| *since)
                .map(|(name, _)| name.clone());
            oldest.and_then(|oldest| self.0.remove(&oldest));
        }
        self.0.insert(name.to_owned(), (Instant::now(), addresses.to_vec()));
    }

    fn get(&self, name: &str) -> Vec<IpAddr> {
        self.0
            .get(name)
            .map(|(_, addresses)| addresses.clone())
            .unwrap_or_default()
    }
}

/// What DNS said.
enum Answer {
    Addresses(Vec<IpAddr>),
    /// The name does not exist, or has no address.
    Nothing,
    /// Nobody answered in time.
    Failed,
}

impl Dns {
    fn new(conf: PathBuf, hosts: PathBuf, port: Option<u16>) -> Self {
        Dns {
            conf,
            hosts,
            port,
            resolver: RefCell::default(),
            known_hosts: RefCell::default(),
            last_good: RefCell::default(),
        }
    }

    async fn resolve(&self, name: &str) -> Vec<IpAddr> {
        if name.is_empty() {
            return Vec::new();
        }
        if let Some(address) = literal(name) {
            return vec![address];
        }
        let name = name.to_ascii_lowercase();
        if let Some(addresses) = self.host_table().get(name.trim_end_matches('.')) {
            return addresses.clone();
        }
        match self.ask(&name).await {
            Answer::Addresses(addresses) => {
                self.last_good.borrow_mut().put(&name, &addresses);
                addresses
            }
            Answer::Nothing => Vec::new(),
            Answer::Failed => self.last_good.borrow().get(&name),
        }
    }

    async fn ask(&self, name: &str) -> Answer {
        let Some(resolver) = self.resolver() else {
            return Answer::Failed;
        };
        match tokio::time::timeout(limits::DNS_DEADLINE, resolver.lookup_ip(name)).await {
            Ok(Ok(found)) => {
                let mut addresses: Vec<IpAddr> = found.iter().collect();
                // Pods without IPv6 are common and the first address is the one used.
                addresses.sort_by_key(IpAddr::is_ipv6);
                addresses.truncate(limits::DNS_ADDRESSES);
                if addresses.is_empty() {
                    Answer::Nothing
                } else {
                    Answer::Addresses(addresses)
                }
            }
            Ok(Err(error)) if error.is_no_records_found() => Answer::Nothing,
            Ok(Err(error)) => {
                tracing::debug!(target: "dns", name, %error, "cannot resolve");
                Answer::Failed
            }
            Err(_) => {
                tracing::debug!(target: "dns", name, "no answer in time");
                Answer::Failed
            }
        }
    }

    /// The resolver; None when resolv.conf names no server. Tried again at the next look-up.
    fn resolver(&self) -> Option<Rc<TokioResolver>> {
        if let Some(resolver) = &*self.resolver.borrow() {
            return Some(resolver.clone());
        }
        let text = read_bounded(&self.conf)?;
        let built = parse_resolv_conf(text).and_then(|(mut config, mut options)| {
            options.use_hosts_file = ResolveHosts::Never;
            options.cache_size = limits::DNS_CACHE_NAMES as u64;
            if let Some(port) = self.port {
                config = with_port(config, port);
            }
            let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            *builder.options_mut() = options;
            builder.build()
        });
        match built {
            Ok(resolver) => {
                let resolver = Rc::new(resolver);
                *self.resolver.borrow_mut() = Some(resolver.clone());
                Some(resolver)
            }
            Err(error) => {
                tracing::debug!(target: "dns", file = %self.conf.display(), %error, "no DNS");
                None
            }
        }
    }

    fn host_table(&self) -> HostTable {
        if let Some((read, table)) = &*self.known_hosts.borrow()
            && read.elapsed() < limits::DNS_HOSTS_AGE
        {
            return table.clone();
        }
        let text = read_bounded(&self.hosts).unwrap_or_default();
        let table = Rc::new(parse_hosts(&String::from_utf8_lossy(&text)));
        *self.known_hosts.borrow_mut() = Some((Instant::now(), table.clone()));
        table
    }
}

/// A small file; None when it cannot be read.
fn read_bounded(path: &std::path::Path) -> Option<Vec<u8>> {
    use std::io::Read;
    let mut text = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(limits::DNS_FILE_BYTES).read_to_end(&mut text).ok()?;
    Some(text)
}

/// Lines of `address name name...`, as in hosts(5).
fn parse_hosts(text: &str) -> HashMap<String, Vec<IpAddr>> {
    let mut table: HashMap<String, Vec<IpAddr>> = HashMap::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(address) = words.next().and_then(|word| word.parse::<IpAddr>().ok()) else {
            continue;
        };
        for name in words {
            let addresses = table.entry(name.to_ascii_lowercase()).or_default();
            if !addresses.contains(&address) && addresses.len() < limits::DNS_ADDRESSES {
                addresses.push(address);
            }
        }
    }
    table
        .values_mut()
        .for_each(|addresses| addresses.sort_by_key(IpAddr::is_ipv6));
    table
}

fn with_port(config: hickory_resolver::config::ResolverConfig, port: u16) -> hickory_resolver::config::ResolverConfig {
    let (domain, search, mut servers) = config.into_parts();
    for server in &mut servers {
        server
            .connections
            .iter_mut()
            .for_each(|connection| connection.port = port);
    }
    hickory_resolver::config::ResolverConfig::from_parts(domain, search, servers)
}

#[cfg(test)]
mod tests {
    use super::{Dns, LastGood, literal, parse_hosts};
    use crate::limits;
    use std::time::Instant;
    use tokio::net::UdpSocket;

    #[test]
    fn literals() {
        for (name, expected) in [
            ("127.0.0.1", Some("127.0.0.1")),
            ("::1", Some("::1")),
            ("[::1]", Some("::1")),
            ("LocalHost", Some("127.0.0.1")),
            ("[::1", None),
            ("example.com", None),
            ("1.2.3", None),
            ("", None),
        ] {
            assert_eq!(literal(name).map(|ip| ip.to_string()).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn hosts_files() {
        let table = parse_hosts(
            "# comment\n10.0.0.1 One one.test # more\n::9 one\nnot-an-address two\n10.0.0.2\tthree\n10.0.0.1 one\n",
        );
        for (name, expected) in [
            ("one", Some(vec!["10.0.0.1", "::9"])),
            ("one.test", Some(vec!["10.0.0.1"])),
            ("three", Some(vec!["10.0.0.2"])),
            ("two", None),
            ("more", None),
        ] {
            let found: Option<Vec<String>> = table.get(name).map(|all| all.iter().map(ToString::to_string).collect());
            let found: Option<Vec<&str>> = found.as_ref().map(|all| all.iter().map(String::as_str).collect());
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn last_answers_are_bounded() {
        let mut last = LastGood::default();
        let address = ["10.0.0.1".parse().expect("an address")];
        for n in 0..limits::DNS_CACHE_NAMES + 3 {
            last.put(&format!("n{n}"), &address);
        }
        assert_eq!(last.0.len(), limits::DNS_CACHE_NAMES);
        assert!(last.get("n0").is_empty() && last.get(&format!("n{}", limits::DNS_CACHE_NAMES)) == address);
    }

    /// RFC 1035 section 4: answers every question for an A record of a name that begins with `a` with 10.9.8.7 and a
    /// life of 0 seconds, of one that begins with `n` with "no such name"; the rest is not answered.
    async fn answer(socket: UdpSocket) {
        let mut packet = [0; 512];
        while let Ok((len, from)) = socket.recv_from(&mut packet).await {
            let name_end = 12 + packet[12..len].iter().position(|byte| *byte == 0).expect("a name");
            let is_a = packet[name_end + 2] == 1;
            let mut reply = packet[..name_end + 5].to_vec();
            reply[2..4].copy_from_slice(&[0x81, 0x80]);
            // One question, no answer yet, and nothing of the client's additional records.
            reply[4..12].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
            match packet[13] {
                b'a' if is_a => {
                    reply[7] = 1;
                    reply.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 10, 9, 8, 7]);
                }
                b'a' => {}
                b'n' => reply[3] = 0x83,
                _ => continue,
            }
            socket.send_to(&reply, from).await.ok();
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn asks_remembers_and_gives_up_in_time() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (conf, hosts) = (dir.path().join("resolv.conf"), dir.path().join("hosts"));
        let show =
            |addresses: Vec<std::net::IpAddr>| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let dns = Dns::new(conf.clone(), hosts.clone(), Some(1));
        // Neither file: no DNS, but literals.
        for (name, expected) in [
            ("a.test", ""),
            ("", ""),
            ("10.1.1.1", "10.1.1.1"),
            ("localhost", "127.0.0.1"),
        ] {
            assert_eq!(show(dns.resolve(name).await), expected, "without files: {name}");
        }
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
        let port = socket.local_addr().expect("address").port();
        let server = tokio::spawn(answer(socket));
        std::fs::write(&conf, "nameserver 127.0.0.1\noptions ndots:5\n").expect("write");
        std::fs::write(&hosts, "10.2.2.2 from-hosts a-hosts\n").expect("write");
        let dns = Dns::new(conf.clone(), hosts.clone(), Some(port));
        for (name, expected) in [
            ("a.test", "10.9.8.7"),
            ("A.Test", "10.9.8.7"),
            ("no.test", ""),
            ("from-hosts", "10.2.2.2"),
            ("a-hosts", "10.2.2.2"),
        ] {
            assert_eq!(show(dns.resolve(name).await), expected, "{name}");
        }
        let begin = Instant::now();
        assert_eq!(show(dns.resolve("silent.test").await), "", "nobody answers");
        assert!(
            begin.elapsed() < limits::DNS_DEADLINE * 2,
            "gives up after {:?}",
            begin.elapsed()
        );
        server.abort();
        assert_eq!(
            show(dns.resolve("a.test").await),
            "10.9.8.7",
            "what was known, of a dead server"
        );
    }
}
