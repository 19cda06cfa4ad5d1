//! Bytes of MQTT into packets. See mod.rs.
use super::property::repeats;
use super::{
    Connect, Error, Kind, MAX_CONTROL_BYTES, MAX_ENTRIES, Packet, Payload, Property, PropertyKind, Subscription, V4,
    V5, Will, property_name,
};
use crate::Chunks;
use bytes::{Buf, Bytes, BytesMut};

/// Bytes into packets. The version is that of the CONNECT or CONNACK that came, 3.1.1 before.
#[derive(Debug)]
pub struct Decoder {
    max_bytes: usize,
    level: u8,
    /// First byte and length of the packet, as far as they came.
    head: Vec<u8>,
    /// Length and bytes of the packet's rest.
    rest: Option<(usize, BytesMut)>,
    failed: Option<Error>,
}

impl Decoder {
    /// `max_bytes`: of one packet.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            level: V4,
            head: Vec::new(),
            rest: None,
            failed: None,
        }
    }

    /// The next packet; None when more input is needed.
    /// # Errors
    /// See [`Error`]; the same one from then on.
    pub fn decode(&mut self, input: &mut Chunks) -> Result<Option<Packet>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let packet = self.step(input);
        if let Err(error) = packet {
            self.failed = Some(error);
        }
        packet
    }

    fn step(&mut self, input: &mut Chunks) -> Result<Option<Packet>, Error> {
        while self.rest.is_none() {
            let Some(byte) = input.take_front(1) else {
                return Ok(None);
            };
            self.head.extend_from_slice(&byte);
            self.rest = self.length()?.map(|length| (length, BytesMut::new()));
        }
        let Some((length, bytes)) = &mut self.rest else {
            return Ok(None);
        };
        while bytes.len() < *length {
            let Some(chunk) = input.take_front(*length - bytes.len()) else {
                return Ok(None);
            };
            bytes.extend_from_slice(&chunk);
        }
        let body = Reader(bytes.split().freeze());
        let first = self.head.first().copied().unwrap_or_default();
        self.rest = None;
        self.head.clear();
        let packet = parse(first, body, self.level)?;
        self.level = packet.level;
        Ok(Some(packet))
    }

    /// The length, when the head is whole.
    fn length(&self) -> Result<Option<usize>, Error> {
        let Some((first, digits)) = self.head.split_first() else {
            return Ok(None);
        };
        let kind = Kind::from_number(first >> 4).ok_or(Error::Malformed("packet type 0"))?;
        let expected = match kind {
            Kind::Publish => first & 15,
            Kind::PubRel | Kind::Subscribe | Kind::Unsubscribe => 2,
            _ => 0,
        };
        if first & 15 != expected {
            return Err(Error::Malformed("reserved flags"));
        }
        let mut length = 0;
        for (index, digit) in digits.iter().enumerate() {
            length |= usize::from(digit & 0x7f) << (7 * index);
            if digit & 0x80 == 0 {
                let most = match kind {
                    Kind::Publish => self.max_bytes,
                    _ => self.max_bytes.min(MAX_CONTROL_BYTES),
                };
                return if length > most {
                    Err(Error::TooLong(length))
                } else {
                    Ok(Some(length))
                };
            }
        }
        match digits.len() {
            4.. => Err(Error::Malformed("length of more than four bytes")),
            _ => Ok(None),
        }
    }

    /// The input has ended.
    /// # Errors
    /// `Truncated` inside of a packet; an earlier error again.
    pub fn finish(&self) -> Result<(), Error> {
        match self.failed {
            Some(error) => Err(error),
            None if self.head.is_empty() => Ok(()),
            None => Err(Error::Truncated),
        }
    }
}

/// `level`: of the packets before.
fn parse(first: u8, mut body: Reader, level: u8) -> Result<Packet, Error> {
    let kind = Kind::from_number(first >> 4).ok_or(Error::Malformed("packet type 0"))?;
    let mut packet = Packet {
        kind,
        level,
        ..Packet::default()
    };
    let flags = first & 15;
    match kind {
        Kind::Connect => connect(&mut packet, &mut body)?,
        Kind::ConnAck => {
            // Who asks sees no CONNECT: only version 5 has more than these two bytes.
            packet.level = if body.0.len() > 2 { V5 } else { V4 };
            packet.session_present = match body.byte()? {
                flags @ 0..=1 => flags == 1,
                _ => return Err(Error::Malformed("reserved flags of CONNACK")),
            };
            packet.reason_code = body.byte()?;
            packet.properties = body.properties(packet.level)?;
        }
        Kind::Publish => {
            packet.dup = flags & 8 != 0;
            packet.qos = qos(flags >> 1)?;
            packet.retain = flags & 1 != 0;
            packet.topic_name = body.text()?;
            if packet.topic_name.contains(['+', '#']) {
                return Err(Error::Malformed("wildcard in a topic name"));
            }
            if packet.qos > 0 {
                packet.packet_identifier = body.identifier()?;
            }
            packet.properties = body.properties(level)?;
            packet.payload = Payload::Publish(std::mem::take(&mut body.0));
        }
        Kind::PubAck | Kind::PubRec | Kind::PubRel | Kind::PubComp => {
            packet.packet_identifier = body.identifier()?;
            body.reason(&mut packet)?;
        }
        Kind::Subscribe => {
            packet.packet_identifier = body.identifier()?;
            packet.properties = body.properties(level)?;
            packet.payload = Payload::Subscribe(body.all(|body| body.subscription(level))?);
        }
        Kind::Unsubscribe => {
            packet.packet_identifier = body.identifier()?;
            packet.properties = body.properties(level)?;
            packet.payload = Payload::Unsubscribe(body.all(Reader::text)?);
        }
        Kind::SubAck => {
            packet.packet_identifier = body.identifier()?;
            packet.properties = body.properties(level)?;
            packet.payload = Payload::Codes(body.all(Reader::byte)?);
        }
        Kind::UnsubAck => {
            packet.packet_identifier = body.identifier()?;
            if level == V5 {
                packet.properties = body.properties(level)?;
                packet.payload = Payload::Codes(body.all(Reader::byte)?);
            }
        }
        Kind::PingReq | Kind::PingResp => {}
        Kind::Disconnect => body.reason(&mut packet)?,
        Kind::Auth if level == V5 => body.reason(&mut packet)?,
        Kind::Auth => return Err(Error::Malformed("AUTH before version 5")),
    }
    match body.0.is_empty() {
        true => Ok(packet),
        false => Err(Error::Malformed("bytes after its end")),
    }
}

fn connect(packet: &mut Packet, body: &mut Reader) -> Result<(), Error> {
    let name = body.text()?;
    let level = body.byte()?;
    if name != "MQTT" || !(V4..=V5).contains(&level) {
        return Err(Error::Level(level));
    }
    packet.level = level;
    let flags = body.byte()?;
    let is_set = |bit: u8| flags & (1 << bit) != 0;
    if is_set(0) || (!is_set(2) && flags & 0x38 != 0) || (level == V4 && is_set(6) && !is_set(7)) {
        return Err(Error::Malformed("flags of CONNECT"));
    }
    packet.keep_alive = body.short()?;
    packet.properties = body.properties(level)?;
    let mut connect = Connect {
        client_id: body.text()?,
        clean_start: is_set(1),
        ..Connect::default()
    };
    if is_set(2) {
        connect.will = Some(Will {
            qos: qos(flags >> 3)?,
            retain: is_set(5),
            properties: body.properties(level)?,
            topic: body.text()?,
            payload: body.binary()?,
        });
    }
    if is_set(7) {
        connect.username = Some(body.text()?);
    }
    if is_set(6) {
        connect.password = Some(body.binary()?);
    }
    packet.payload = Payload::Connect(Box::new(connect));
    Ok(())
}

fn qos(bits: u8) -> Result<u8, Error> {
    match bits & 3 {
        3 => Err(Error::Malformed("QoS 3")),
        qos => Ok(qos),
    }
}

/// The rest of a packet. Its end inside of a field is an error, for the packet is whole.
struct Reader(Bytes);

/// What a packet without the bytes that it announces is.
const SHORT: Error = Error::Malformed("ends inside of a field");

impl Reader {
    fn byte(&mut self) -> Result<u8, Error> {
        self.0.try_get_u8().map_err(|_| SHORT)
    }

    fn short(&mut self) -> Result<u16, Error> {
        self.0.try_get_u16().map_err(|_| SHORT)
    }

    fn take(&mut self, length: usize) -> Result<Bytes, Error> {
        if length > self.0.len() {
            return Err(SHORT);
        }
        Ok(self.0.split_to(length))
    }

    fn identifier(&mut self) -> Result<u16, Error> {
        match self.short()? {
            0 => Err(Error::Malformed("packet identifier 0")),
            identifier => Ok(identifier),
        }
    }

    fn binary(&mut self) -> Result<Bytes, Error> {
        let length = self.short()?;
        self.take(usize::from(length))
    }

    fn text(&mut self) -> Result<String, Error> {
        let bytes = self.binary()?;
        let text = std::str::from_utf8(&bytes).ok().filter(|text| !text.contains('\0'));
        text.map(str::to_owned).ok_or(Error::Malformed("text is no UTF-8"))
    }

    fn variable(&mut self) -> Result<u32, Error> {
        let mut number = 0;
        for index in 0..4 {
            let digit = self.byte()?;
            number |= u32::from(digit & 0x7f) << (7 * index);
            if digit & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Error::Malformed("number of more than four bytes"))
    }

    /// At least one entry, to the end.
    fn all<T>(&mut self, entry: impl Fn(&mut Self) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        let mut entries = vec![entry(self)?];
        while !self.0.is_empty() {
            if entries.len() >= MAX_ENTRIES {
                return Err(Error::TooMany);
            }
            entries.push(entry(self)?);
        }
        Ok(entries)
    }

    fn subscription(&mut self, level: u8) -> Result<Subscription, Error> {
        let filter = self.text()?;
        let options = self.byte()?;
        let reserved = if level == V5 { 0xc0 } else { 0xfc };
        if options & reserved != 0 || options & 0x30 == 0x30 {
            return Err(Error::Malformed("options of a topic filter"));
        }
        Ok(Subscription {
            filter,
            qos: qos(options)?,
            no_local: options & 4 != 0,
            retain_as_published: options & 8 != 0,
            retain_handling: options >> 4,
        })
    }

    /// Version 5: a reason and properties, both of which may be missing.
    fn reason(&mut self, packet: &mut Packet) -> Result<(), Error> {
        if packet.level == V5 && !self.0.is_empty() {
            packet.reason_code = self.byte()?;
            if !self.0.is_empty() {
                packet.properties = self.properties(packet.level)?;
            }
        }
        Ok(())
    }

    fn properties(&mut self, level: u8) -> Result<Vec<Property>, Error> {
        let mut properties = Vec::new();
        if level != V5 {
            return Ok(properties);
        }
        let length = self.variable()? as usize;
        let mut section = Reader(self.take(length)?);
        let mut seen = 0_u64;
        while !section.0.is_empty() {
            let property = section.property()?;
            let bit = 1_u64 << (property.id() & 63);
            if seen & bit != 0 && !repeats(property.id()) {
                return Err(Error::Malformed("a property stands there twice"));
            }
            seen |= bit;
            if properties.len() >= MAX_ENTRIES {
                return Err(Error::TooMany);
            }
            properties.push(property);
        }
        Ok(properties)
    }

    fn property(&mut self) -> Result<Property, Error> {
        let id = u8::try_from(self.variable()?).map_err(|_| Error::Malformed("unknown property"))?;
        let (_, kind) = property_name(id).ok_or(Error::Malformed("unknown property"))?;
        Ok(match kind {
            PropertyKind::Byte => Property::Number(id, self.byte()?.into()),
            PropertyKind::Short => Property::Number(id, self.short()?.into()),
            PropertyKind::Word => Property::Number(id, self.0.try_get_u32().map_err(|_| SHORT)?),
            PropertyKind::Variable => Property::Number(id, self.variable()?),
            PropertyKind::Text => Property::Text(id, self.text()?),
            PropertyKind::Binary => Property::Binary(id, self.binary()?),
            PropertyKind::Pair => Property::Pair(id, self.text()?, self.text()?),
        })
    }
}
