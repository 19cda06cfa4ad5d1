//! `IP`, `IPMask` (also `Netmask`) and `IPEndpoint`. Source: pipyjs/globals.md section 5.

use crate::data::Data;
use crate::js::{self, JsData, throw_error, throw_type};
use rquickjs::class::Trace;
use rquickjs::function::{Function, Opt};
use rquickjs::{Class, Ctx, JsLifetime, Object, Value};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) fn ip(ctx: &Ctx<'_>) -> js::Result<()> {
    Class::<Ip>::define(&ctx.globals())?;
    js::bind_methods_afresh::<Ip>(ctx, &[])?;
    let class: Object<'_> = ctx.globals().get("IP")?;
    class.set(
        "isV4",
        Function::new(ctx.clone(), |text: String| text.parse::<Ipv4Addr>().is_ok())?,
    )?;
    class.set(
        "isV6",
        Function::new(ctx.clone(), |text: String| text.parse::<Ipv6Addr>().is_ok())?,
    )
}

pub(super) fn mask(ctx: &Ctx<'_>) -> js::Result<()> {
    Class::<IpMask>::define(&ctx.globals())?;
    js::bind_methods_afresh::<IpMask>(ctx, &[])
}

pub(super) fn netmask(ctx: &Ctx<'_>) -> js::Result<()> {
    let class: Value<'_> = ctx.globals().get("IPMask")?;
    ctx.globals().set("Netmask", class)
}

pub(super) fn endpoint(ctx: &Ctx<'_>) -> js::Result<()> {
    Class::<IpEndpoint>::define(&ctx.globals())?;
    js::bind_methods_afresh::<IpEndpoint>(ctx, &[])
}

/// An address.
#[derive(Trace, JsLifetime)]
#[rquickjs::class(rename = "IP")]
pub struct Ip {
    #[qjs(skip_trace)]
    ip: IpAddr,
}

/// The address that `text` means.
fn parse(ctx: &Ctx<'_>, text: &str) -> js::Result<IpAddr> {
    text.trim()
        .parse()
        .map_err(|_| throw_error(ctx, &format!("invalid IP address notation: '{text}'")))
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// Bytes of IPv4, groups of 16 bits of IPv6.
fn parts(ip: IpAddr) -> Vec<u16> {
    match ip {
        IpAddr::V4(ip) => ip.octets().map(u16::from).to_vec(),
        IpAddr::V6(ip) => ip.segments().to_vec(),
    }
}

fn version(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 4 } else { 6 }
}

fn data(ctx: Ctx<'_>, bytes: Vec<u8>) -> js::Result<Class<'_, JsData>> {
    let data = Data::from(bytes);
    JsData::object(&ctx, data)
}

#[rquickjs::methods(rename_all = "camelCase")]
impl Ip {
    /// `new IP(text)`.
    #[qjs(constructor)]
    pub fn new(ctx: Ctx<'_>, text: String) -> js::Result<Self> {
        Ok(Ip {
            ip: parse(&ctx, &text)?,
        })
    }

    /// 4 or 6.
    #[qjs(get)]
    pub fn version(&self) -> u8 {
        version(self.ip)
    }

    /// As text.
    #[qjs(rename = "toString")]
    pub fn text(&self) -> String {
        self.ip.to_string()
    }

    /// As bytes, in the order of the network.
    pub fn to_bytes<'js>(&self, ctx: Ctx<'js>) -> js::Result<Class<'js, JsData>> {
        data(ctx, octets(self.ip))
    }

    /// Its numbers.
    pub fn decompose(&self) -> Vec<u16> {
        parts(self.ip)
    }
}

/// A network: an address and the length of its prefix.
#[derive(Trace, JsLifetime)]
#[rquickjs::class(rename = "IPMask")]
pub struct IpMask {
    #[qjs(skip_trace)]
    ip: IpAddr,
    #[qjs(skip_trace)]
    bits: u32,
    /// What `next` gives, as a number; None after the last.
    #[qjs(skip_trace)]
    next: Option<u128>,
}

impl IpMask {
    fn of(ip: IpAddr, bits: u32) -> Self {
        let mut mask = IpMask { ip, bits, next: None };
        mask.next = Some(mask.hosts().0);
        mask
    }

    fn width(&self) -> u32 {
        if self.ip.is_ipv4() { 32 } else { 128 }
    }

    /// The bits that the hosts of the network differ in.
    fn host_bits(&self) -> u128 {
        let count = self.width() - self.bits;
        1u128.checked_shl(count).map_or(u128::MAX, |size| size - 1)
    }

    fn start(&self) -> u128 {
        number(self.ip) & !self.host_bits()
    }

    /// The first and the last host. Networks of one or two addresses have no address for the network itself.
    fn hosts(&self) -> (u128, u128) {
        let (first, last) = (self.start(), self.start() | self.host_bits());
        if last - first < 2 {
            (first, last)
        } else {
            (first + 1, last - 1)
        }
    }

    fn show(&self, number: u128) -> String {
        match self.ip {
            IpAddr::V4(_) => Ipv4Addr::from(number as u32).to_string(),
            IpAddr::V6(_) => Ipv6Addr::from(number).to_string(),
        }
    }
}

fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)),
        IpAddr::V6(ip) => ip.into(),
    }
}

#[rquickjs::methods(rename_all = "camelCase")]
impl IpMask {
    /// `new IPMask('10.0.0.0/8')`, or of the length of a prefix of IPv4.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, from: Value<'js>) -> js::Result<Self> {
        let wrong = |text: &str| throw_error(&ctx, &format!("invalid netmask notation: '{text}'"));
        if let Some(bits) = from.as_number() {
            let valid = bits.fract() == 0.0 && (0.0..=32.0).contains(&bits);
            return match valid {
                true => Ok(IpMask::of(Ipv4Addr::UNSPECIFIED.into(), bits as u32)),
                false => Err(wrong(&bits.to_string())),
            };
        }
        let text = from.as_string().map(|text| text.to_string()).transpose()?;
        let text = text.ok_or_else(|| throw_type(&ctx, "argument 1 expects a string or a number"))?;
        let (ip, bits) = match text.split_once('/') {
            Some((ip, bits)) => (ip, Some(bits)),
            None => (text.as_str(), None),
        };
        let ip: IpAddr = ip.trim().parse().map_err(|_| wrong(&text))?;
        let width = if ip.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => width,
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => bits.parse().map_err(|_| wrong(&text))?,
            Some(_) => return Err(wrong(&text)),
        };
        if bits > width {
            return Err(wrong(&text));
        }
        Ok(IpMask::of(ip, bits))
    }

    /// 4 or 6.
    #[qjs(get)]
    pub fn version(&self) -> u8 {
        version(self.ip)
    }

    /// The address as given.
    #[qjs(get)]
    pub fn ip(&self) -> String {
        self.ip.to_string()
    }

    /// Length of the prefix.
    #[qjs(get)]
    pub fn bitmask(&self) -> u32 {
        self.bits
    }

    /// First address.
    #[qjs(get)]
    pub fn base(&self) -> String {
        self.show(self.start())
    }

    /// The prefix as an address.
    #[qjs(get)]
    pub fn mask(&self) -> String {
        self.show(!self.host_bits())
    }

    /// The rest as an address.
    #[qjs(get)]
    pub fn hostmask(&self) -> String {
        self.show(self.host_bits())
    }

    /// Last address.
    #[qjs(get)]
    pub fn broadcast(&self) -> String {
        self.show(self.start() | self.host_bits())
    }

    /// Number of addresses.
    #[qjs(get)]
    pub fn size(&self) -> f64 {
        self.host_bits() as f64 + 1.0
    }

    /// First address of a host.
    #[qjs(get)]
    pub fn first(&self) -> String {
        self.show(self.hosts().0)
    }

    /// Last address of a host.
    #[qjs(get)]
    pub fn last(&self) -> String {
        self.show(self.hosts().1)
    }

    /// Whether an address (text or IP) is in the network; false for what is no address.
    pub fn contains<'js>(&self, address: Value<'js>) -> bool {
        let ip = match Class::<Ip>::from_value(&address) {
            Ok(ip) => Some(ip.borrow().ip),
            Err(_) => address
                .as_string()
                .and_then(|text| text.to_string().ok())
                .and_then(|text| text.trim().parse().ok()),
        };
        ip.is_some_and(|ip| ip.is_ipv4() == self.ip.is_ipv4() && number(ip) & !self.host_bits() == self.start())
    }

    /// The next address of a host, from the first on; empty after the last.
    #[qjs(rename = "next")]
    pub fn next_host(&mut self) -> String {
        let Some(next) = self.next else { return String::new() };
        self.next = next.checked_add(1).filter(|next| *next <= self.hosts().1);
        self.show(next)
    }

    /// The numbers of the address.
    pub fn decompose(&self) -> Vec<u16> {
        parts(self.ip)
    }

    /// The bytes of the address.
    pub fn to_bytes<'js>(&self, ctx: Ctx<'js>) -> js::Result<Class<'js, JsData>> {
        data(ctx, octets(self.ip))
    }

    /// Base and length of the prefix.
    #[qjs(rename = "toString")]
    pub fn text(&self) -> String {
        format!("{}/{}", self.base(), self.bits)
    }
}

/// An address with a port: a target of `connect`.
#[derive(Trace, JsLifetime)]
#[rquickjs::class(rename = "IPEndpoint")]
pub struct IpEndpoint {
    #[qjs(skip_trace)]
    ip: IpAddr,
    port: u16,
}

#[rquickjs::methods]
impl IpEndpoint {
    /// `new IPEndpoint('ip:port' | ip, port?)`.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, address: Value<'js>, port: Opt<u16>) -> js::Result<Self> {
        if let Ok(ip) = Class::<Ip>::from_value(&address) {
            let (ip, port) = (ip.borrow().ip, port.0.unwrap_or(0));
            return Ok(IpEndpoint { ip, port });
        }
        let text = js::value_to_text(&ctx, &address);
        if let Some(port) = port.0 {
            let ip = parse(&ctx, text.trim_start_matches('[').trim_end_matches(']'))?;
            return Ok(IpEndpoint { ip, port });
        }
        let wrong = || throw_error(&ctx, &format!("invalid endpoint '{text}'; expected 'ip:port'"));
        let (ip, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let ip = ip
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse()
            .map_err(|_| wrong())?;
        let port = port.parse().map_err(|_| wrong())?;
        Ok(IpEndpoint { ip, port })
    }

    /// The address, as text.
    #[qjs(get)]
    pub fn ip(&self) -> String {
        self.ip.to_string()
    }

    /// The port.
    #[qjs(get)]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `'ip:port'`, `'[v6]:port'`.
    #[qjs(rename = "toString")]
    pub fn text(&self) -> String {
        std::net::SocketAddr::new(self.ip, self.port).to_string()
    }
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::{exchange, serve};

    /// globals.md section 5. Networks as in RFC 4632 and RFC 3021 (/31).
    #[tokio::test(flavor = "current_thread")]
    async fn addresses_and_networks() {
        let facts = "(m => [m.version, m.ip, m.bitmask, m.base, m.mask, m.hostmask, m.broadcast, m.size, m.first, m.last].join(' '))";
        let rows = [
            ("(i => [i.version, i, i.toBytes().toString('hex'), i.decompose()].join(' '))(new IP('10.1.2.255'))".to_owned(),
             "4 10.1.2.255 0a0102ff 10,1,2,255"),
            ("(i => [i.version, i, i.toBytes().size, i.decompose()].join(' '))(new IP('2001:DB8::1'))".to_owned(),
             "6 2001:db8::1 16 8193,3512,0,0,0,0,0,1"),
            ("[IP.isV4('1.2.3.4'), IP.isV4('::1'), IP.isV4('1.2.3'), IP.isV6('::1'), IP.isV6('1.2.3.4')].join()".to_owned(),
             "true,false,false,true,false"),
            ("invoke(() => new IP('1.2.3'), e => e)".to_owned(), "invalid IP address notation: '1.2.3'"),
            (format!("{facts}(new Netmask('10.1.2.3/8'))"),
             "4 10.1.2.3 8 10.0.0.0 255.0.0.0 0.255.255.255 10.255.255.255 16777216 10.0.0.1 10.255.255.254"),
            (format!("{facts}(new IPMask('10.0.0.9'))"),
             "4 10.0.0.9 32 10.0.0.9 255.255.255.255 0.0.0.0 10.0.0.9 1 10.0.0.9 10.0.0.9"),
            (format!("{facts}(new IPMask('10.0.0.9/31'))"),
             "4 10.0.0.9 31 10.0.0.8 255.255.255.254 0.0.0.1 10.0.0.9 2 10.0.0.8 10.0.0.9"),
            (format!("{facts}(new Netmask(24))"),
             "4 0.0.0.0 24 0.0.0.0 255.255.255.0 0.0.0.255 0.0.0.255 256 0.0.0.1 0.0.0.254"),
            (format!("{facts}(new Netmask('0.0.0.0/0'))"),
             "4 0.0.0.0 0 0.0.0.0 0.0.0.0 255.255.255.255 255.255.255.255 4294967296 0.0.0.1 255.255.255.254"),
            (format!("{facts}(new IPMask('2001:db8::1/126'))"),
             "6 2001:db8::1 126 2001:db8:: ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc ::3 2001:db8::3 4 2001:db8::1 2001:db8::2"),
            ("['10.2.3.4', '11.0.0.1', '::1', 'x', null, new IP('10.9.9.9')].map(a => new Netmask('10.0.0.0/8').contains(a)).join()".to_owned(),
             "true,false,false,false,false,true"),
            ("new IPMask('::/0').contains('fe80::1') + ' ' + new IPMask('::/0').size".to_owned(), "true 3.402823669209385e+38"),
            ("(m => [m.next(), m.next(), m.next(), m.next()].join())(new Netmask('10.0.0.4/30'))".to_owned(), "10.0.0.5,10.0.0.6,,"),
            ("(m => [m.next(), m.next()].join())(new Netmask('255.255.255.255'))".to_owned(), "255.255.255.255,"),
            ("['10.0.0.0/33', '10.0.0/8', 'x', '10.0.0.0/-1', '::/129', '1.2.3.4/'].map(t => invoke(() => new Netmask(t), () => 'no')).join()".to_owned(),
             "no,no,no,no,no,no"),
            ("(e => [e.ip, e.port, e].join(' '))(new IPEndpoint('1.2.3.4:80'))".to_owned(), "1.2.3.4 80 1.2.3.4:80"),
            ("(e => [e.ip, e.port, e].join(' '))(new IPEndpoint('::1', 443))".to_owned(), "::1 443 [::1]:443"),
            ("(e => [e.ip, e.port].join(' '))(new IPEndpoint(new IP('::1'), 1))".to_owned(), "::1 1"),
            ("['1.2.3.4', 'a:80', '1.2.3.4:x'].map(t => invoke(() => new IPEndpoint(t), () => 'no')).join()".to_owned(), "no,no,no"),
        ];
        let list: Vec<String> = rows
            .iter()
            .map(|(expression, _)| format!("() => {expression}"))
            .collect();
        let script = format!(
            "(rows => pipy().listen(PORT).replaceData(d => new Data('' + rows[+d.toString()]())))([{}])",
            list.join(",\n")
        );
        let served = serve(&script).await;
        for (index, (expression, expected)) in rows.iter().enumerate() {
            let got = exchange(served.port, index.to_string().as_bytes()).await;
            assert_eq!(String::from_utf8_lossy(&got), *expected, "{expression}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_endpoint_is_a_target() {
        let peer = crate::worker::testing::free_port();
        let script = format!(
            "pipy().listen(PORT).connect(() => new IPEndpoint('127.0.0.1', {peer})).listen({peer}).replaceData(d => new Data('<' + d + '>'))"
        );
        let served = serve(&script).await;
        assert_eq!(exchange(served.port, b"x").await, b"<x>");
    }
}
