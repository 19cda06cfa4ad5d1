//! Packets into bytes of MQTT. See mod.rs.
use super::{Error, Kind, Packet, Payload, Property, PropertyKind, V5, Will, property_name};
use bytes::{BufMut, Bytes, BytesMut};

/// Most bytes that the length before a packet can say.
const MAX_BYTES: usize = 0x0fff_ffff;

/// Appends a packet. What its kind or its level does not have is left out.
/// # Errors
/// `Malformed` for texts beyond 65 535 bytes, a QoS above 2, and an identifier of 0 where one is needed; `TooLong` beyond 256 MiB.
pub fn encode(packet: &Packet, out: &mut BytesMut) -> Result<(), Error> {
    let mut flags = if matches!(packet.kind, Kind::PubRel | Kind::Subscribe | Kind::Unsubscribe) {
        2
    } else {
        0
    };
    let mut body = BytesMut::new();
    match packet.kind {
        Kind::Connect => connect(packet, &mut body)?,
        Kind::ConnAck => {
            body.put_u8(u8::from(packet.session_present));
            body.put_u8(packet.reason_code);
            properties(packet.level, &packet.properties, &mut body)?;
        }
        Kind::Publish => {
            flags = u8::from(packet.dup) << 3 | qos(packet.qos)? << 1 | u8::from(packet.retain);
            text(&packet.topic_name, &mut body)?;
            if packet.qos > 0 {
                identifier(packet, &mut body)?;
            }
            properties(packet.level, &packet.properties, &mut body)?;
        }
        Kind::PubAck | Kind::PubRec | Kind::PubRel | Kind::PubComp => {
            identifier(packet, &mut body)?;
            reason(packet, &mut body)?;
        }
        Kind::Subscribe | Kind::Unsubscribe | Kind::SubAck => {
            identifier(packet, &mut body)?;
            properties(packet.level, &packet.properties, &mut body)?;
        }
        Kind::UnsubAck => {
            identifier(packet, &mut body)?;
            properties(packet.level, &packet.properties, &mut body)?;
        }
        Kind::PingReq | Kind::PingResp => {}
        Kind::Disconnect | Kind::Auth => reason(packet, &mut body)?,
    }
    let publish = match &packet.payload {
        Payload::Publish(bytes) => bytes.clone(),
        Payload::None | Payload::Connect(_) => Bytes::new(),
        Payload::Subscribe(entries) => {
            for entry in entries {
                text(&entry.filter, &mut body)?;
                let more = u8::from(entry.no_local) << 2
                    | u8::from(entry.retain_as_published) << 3
                    | (entry.retain_handling & 3) << 4;
                body.put_u8(qos(entry.qos)? | if packet.level == V5 { more } else { 0 });
            }
            Bytes::new()
        }
        Payload::Unsubscribe(filters) => {
            filters.iter().try_for_each(|filter| text(filter, &mut body))?;
            Bytes::new()
        }
        Payload::Codes(codes) => {
            if packet.kind == Kind::SubAck || packet.level == V5 {
                body.put_slice(codes);
            }
            Bytes::new()
        }
    };
    let length = body.len() + publish.len();
    if length > MAX_BYTES {
        return Err(Error::TooLong(length));
    }
    out.put_u8((packet.kind as u8) << 4 | flags);
    variable(length as u32, out);
    out.put_slice(&body);
    out.put_slice(&publish);
    Ok(())
}

fn connect(packet: &Packet, body: &mut BytesMut) -> Result<(), Error> {
    let Payload::Connect(connect) = &packet.payload else {
        return Err(Error::Malformed("CONNECT without its payload"));
    };
    text("MQTT", body)?;
    body.put_u8(packet.level);
    let none = Will::default();
    let will = connect.will.as_ref().unwrap_or(&none);
    let flags = [
        (1, connect.clean_start),
        (2, connect.will.is_some()),
        (5, will.retain),
        (6, connect.password.is_some()),
        (7, connect.username.is_some()),
    ];
    let flags = flags
        .iter()
        .fold(0, |all, (bit, is_set)| all | u8::from(*is_set) << bit);
    body.put_u8(flags | qos(will.qos)? << 3);
    body.put_u16(packet.keep_alive);
    properties(packet.level, &packet.properties, body)?;
    text(&connect.client_id, body)?;
    if connect.will.is_some() {
        properties(packet.level, &will.properties, body)?;
        text(&will.topic, body)?;
        binary(&will.payload, body)?;
    }
    if let Some(username) = &connect.username {
        text(username, body)?;
    }
    if let Some(password) = &connect.password {
        binary(password, body)?;
    }
    Ok(())
}

fn identifier(packet: &Packet, body: &mut BytesMut) -> Result<(), Error> {
    body.put_u16(packet.packet_identifier);
    match packet.packet_identifier {
        0 => Err(Error::Malformed("packet identifier 0")),
        _ => Ok(()),
    }
}

fn qos(qos: u8) -> Result<u8, Error> {
    if qos > 2 {
        Err(Error::Malformed("QoS above 2"))
    } else {
        Ok(qos)
    }
}

fn reason(packet: &Packet, body: &mut BytesMut) -> Result<(), Error> {
    if packet.level != V5 || (packet.reason_code == 0 && packet.properties.is_empty()) {
        return Ok(());
    }
    body.put_u8(packet.reason_code);
    if !packet.properties.is_empty() {
        properties(packet.level, &packet.properties, body)?;
    }
    Ok(())
}

fn text(text: &str, body: &mut BytesMut) -> Result<(), Error> {
    binary(text.as_bytes(), body)
}

fn binary(bytes: &[u8], body: &mut BytesMut) -> Result<(), Error> {
    let length =
        u16::try_from(bytes.len()).map_err(|_| Error::Malformed("a text or value of more than 65535 bytes"))?;
    body.put_u16(length);
    body.put_slice(bytes);
    Ok(())
}

fn variable(mut number: u32, out: &mut BytesMut) {
    while number > 0x7f {
        out.put_u8(number as u8 | 0x80);
        number >>= 7;
    }
    out.put_u8(number as u8);
}

fn properties(level: u8, all: &[Property], body: &mut BytesMut) -> Result<(), Error> {
    if level != V5 {
        return Ok(());
    }
    let mut section = BytesMut::new();
    for property in all {
        variable(property.id().into(), &mut section);
        match property {
            Property::Number(id, number) => match property_name(*id).map(|(_, kind)| kind) {
                Some(PropertyKind::Byte) => section.put_u8(*number as u8),
                Some(PropertyKind::Short) => section.put_u16(*number as u16),
                Some(PropertyKind::Variable) => variable(*number, &mut section),
                _ => section.put_u32(*number),
            },
            Property::Text(_, value) => text(value, &mut section)?,
            Property::Binary(_, value) => binary(value, &mut section)?,
            Property::Pair(_, name, value) => {
                text(name, &mut section)?;
                text(value, &mut section)?;
            }
        }
    }
    variable(section.len() as u32, body);
    body.put_slice(&section);
    Ok(())
}
