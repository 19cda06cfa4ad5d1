//! Packets of MQTT as scripts see them: a head, a payload for what is no PUBLISH, a body for what is.
//! Source: pipyjs/filters.md section 8.

use super::{
    JsData, List, Result, is_nullish, number_of, throw_error, throw_type, truthy, value_to_data, value_to_text,
};
use crate::data::Data;
use crate::limits;
use ballast_codec::mqtt::{
    Connect, Kind, Packet, Payload, Property, PropertyKind, Subscription, V4, V5, Will, property_id, property_name,
};
use bytes::Bytes;
use rquickjs::{Array, Class, Ctx, Object, Value};

/// The head: `type`, `protocolLevel`, `qos`, `dup`, `retain`, and what the kind of packet has beside them.
pub(crate) fn mqtt_head<'js>(ctx: &Ctx<'js>, packet: &Packet) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("type", packet.kind.name())?;
    object.set("protocolLevel", packet.level)?;
    object.set("qos", packet.qos)?;
    object.set("dup", packet.dup)?;
    object.set("retain", packet.retain)?;
    if packet.packet_identifier != 0 {
        object.set("packetIdentifier", packet.packet_identifier)?;
    }
    match packet.kind {
        Kind::Connect => object.set("keepAlive", packet.keep_alive)?,
        Kind::Publish => object.set("topicName", packet.topic_name.as_str())?,
        Kind::ConnAck => {
            object.set("sessionPresent", packet.session_present)?;
            object.set("reasonCode", packet.reason_code)?;
        }
        Kind::PubAck | Kind::PubRec | Kind::PubRel | Kind::PubComp | Kind::Disconnect | Kind::Auth
            if packet.level == V5 =>
        {
            object.set("reasonCode", packet.reason_code)?;
        }
        _ => {}
    }
    if packet.level == V5 && !matches!(packet.kind, Kind::PingReq | Kind::PingResp) {
        object.set("properties", properties_object(ctx, &packet.properties)?)?;
    }
    Ok(object)
}

/// The payload; undefined for packets without one.
pub(crate) fn mqtt_payload<'js>(ctx: &Ctx<'js>, packet: &Packet) -> Result<Value<'js>> {
    let object = Object::new(ctx.clone())?;
    let filters = Array::new(ctx.clone())?;
    match &packet.payload {
        Payload::None | Payload::Publish(_) => return Ok(Value::new_undefined(ctx.clone())),
        Payload::Codes(codes) => {
            let array = Array::new(ctx.clone())?;
            for (index, code) in codes.iter().enumerate() {
                array.set(index, *code)?;
            }
            return Ok(array.into_value());
        }
        Payload::Connect(connect) => {
            object.set("clientID", connect.client_id.as_str())?;
            object.set("cleanStart", connect.clean_start)?;
            if let Some(username) = &connect.username {
                object.set("username", username.as_str())?;
            }
            if let Some(password) = &connect.password {
                // Text in practice; what is none stays whole as Data.
                match std::str::from_utf8(password) {
                    Ok(text) => object.set("password", text)?,
                    Err(_) => object.set("password", data(ctx, password)?)?,
                }
            }
            if let Some(will) = &connect.will {
                object.set("will", will_object(ctx, packet.level, will)?)?;
            }
            return Ok(object.into_value());
        }
        Payload::Subscribe(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                let filter = Object::new(ctx.clone())?;
                filter.set("filter", entry.filter.as_str())?;
                filter.set("qos", entry.qos)?;
                if packet.level == V5 {
                    filter.set("noLocal", entry.no_local)?;
                    filter.set("retainAsPublished", entry.retain_as_published)?;
                    filter.set("retainHandling", entry.retain_handling)?;
                }
                filters.set(index, filter)?;
            }
        }
        Payload::Unsubscribe(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                let filter = Object::new(ctx.clone())?;
                filter.set("filter", entry.as_str())?;
                filters.set(index, filter)?;
            }
        }
    }
    object.set("topicFilters", filters)?;
    Ok(object.into_value())
}

fn data<'js>(ctx: &Ctx<'js>, bytes: &Bytes) -> Result<Class<'js, JsData>> {
    let data = Data::from(bytes.clone());
    JsData::object(ctx, data)
}

fn will_object<'js>(ctx: &Ctx<'js>, level: u8, will: &Will) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("qos", will.qos)?;
    object.set("retain", will.retain)?;
    if level == V5 {
        object.set("properties", properties_object(ctx, &will.properties)?)?;
    }
    object.set("topic", will.topic.as_str())?;
    object.set("payload", data(ctx, &will.payload)?)?;
    Ok(object)
}

/// By name, in camel case; what may stand there more than once is an array: `subscriptionIdentifier` of numbers,
/// `userProperty` of `[name, value]`.
fn properties_object<'js>(ctx: &Ctx<'js>, properties: &[Property]) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    for property in properties {
        let Some((name, kind)) = property_name(property.id()) else {
            continue;
        };
        let array = || -> Result<Array<'js>> {
            match object.get::<_, Option<Array>>(name)? {
                Some(array) => Ok(array),
                None => {
                    let array = Array::new(ctx.clone())?;
                    object.set(name, array.clone())?;
                    Ok(array)
                }
            }
        };
        match property {
            Property::Number(_, number) if kind == PropertyKind::Variable => {
                let array = array()?;
                array.set(array.len(), f64::from(*number))?;
            }
            Property::Number(_, number) => object.set(name, f64::from(*number))?,
            Property::Text(_, text) => object.set(name, text.as_str())?,
            Property::Binary(_, bytes) => object.set(name, data(ctx, bytes)?)?,
            Property::Pair(_, key, value) => {
                let (array, pair) = (array()?, Array::new(ctx.clone())?);
                pair.set(0, key.as_str())?;
                pair.set(1, value.as_str())?;
                array.set(array.len(), pair)?;
            }
        }
    }
    Ok(object)
}

/// The packet that a message means, but for the body of a PUBLISH.
///
/// # Errors  Throws for a type that is none, and for fields that do not fit.
pub(crate) fn mqtt_packet<'js>(ctx: &Ctx<'js>, head: &Value<'js>, payload: &Value<'js>) -> Result<Packet> {
    let head = Fields::new(ctx, head)?;
    let name = head.text("type")?;
    let kind = Kind::from_name(&name).ok_or_else(|| {
        throw_error(
            ctx,
            &format!("MQTT: type '{name}' of a head is no packet; CONNECT, PUBLISH, ..."),
        )
    })?;
    let level = match head.number("protocolLevel", 255)? {
        0 => V4,
        level if (V4..=V5).contains(&(level as u8)) => level as u8,
        level => {
            return Err(throw_error(
                ctx,
                &format!("MQTT: protocolLevel {level} is neither 4 nor 5"),
            ));
        }
    };
    Ok(Packet {
        kind,
        level,
        dup: head.flag("dup")?,
        qos: head.number("qos", 2)? as u8,
        retain: head.flag("retain")?,
        packet_identifier: head.number("packetIdentifier", 65_535)? as u16,
        session_present: head.flag("sessionPresent")?,
        keep_alive: head.number("keepAlive", 65_535)? as u16,
        reason_code: head.number("reasonCode", 255)? as u8,
        topic_name: head.text("topicName")?,
        properties: head.properties()?,
        payload: payload_of(ctx, kind, payload)?,
    })
}

fn payload_of<'js>(ctx: &Ctx<'js>, kind: Kind, payload: &Value<'js>) -> Result<Payload> {
    if let Kind::SubAck | Kind::UnsubAck = kind {
        let codes = payload.as_list().map(|codes| codes.iter::<u8>().collect::<Result<_>>());
        return Ok(codes.transpose()?.map_or(Payload::None, Payload::Codes));
    }
    if !matches!(kind, Kind::Connect | Kind::Subscribe | Kind::Unsubscribe) {
        return Ok(Payload::None);
    }
    let fields = Fields::new(ctx, payload)?;
    if kind == Kind::Connect {
        let will = match fields.value("will")? {
            Some(will) => {
                let will = Fields::new(ctx, &will)?;
                Some(Will {
                    qos: will.number("qos", 2)? as u8,
                    retain: will.flag("retain")?,
                    properties: will.properties()?,
                    topic: will.text("topic")?,
                    payload: will.bytes("payload")?.unwrap_or_default(),
                })
            }
            None => None,
        };
        return Ok(Payload::Connect(Box::new(Connect {
            client_id: fields.text("clientID")?,
            clean_start: fields.flag("cleanStart")?,
            username: fields.value("username")?.map(|name| value_to_text(ctx, &name)),
            password: fields.bytes("password")?,
            will,
        })));
    }
    let mut subscriptions = Vec::new();
    if let Some(filters) = fields.value("topicFilters")?.as_ref().and_then(Value::as_array) {
        for filter in filters.iter::<Value>() {
            let filter = Fields::new(ctx, &filter?)?;
            subscriptions.push(Subscription {
                filter: filter.text("filter")?,
                qos: filter.number("qos", 2)? as u8,
                no_local: filter.flag("noLocal")?,
                retain_as_published: filter.flag("retainAsPublished")?,
                retain_handling: filter.number("retainHandling", 2)? as u8,
            });
        }
    }
    Ok(match kind {
        Kind::Subscribe => Payload::Subscribe(subscriptions),
        _ => Payload::Unsubscribe(subscriptions.into_iter().map(|entry| entry.filter).collect()),
    })
}

/// The fields of a script's object; what is missing is empty.
struct Fields<'a, 'js>(&'a Ctx<'js>, Option<Object<'js>>);

impl<'a, 'js> Fields<'a, 'js> {
    fn new(ctx: &'a Ctx<'js>, value: &Value<'js>) -> Result<Self> {
        if !is_nullish(value) && !value.is_object() {
            return Err(throw_type(ctx, "MQTT: heads and payloads are objects"));
        }
        Ok(Fields(ctx, value.as_object().cloned()))
    }

    fn value(&self, name: &str) -> Result<Option<Value<'js>>> {
        let Some(object) = &self.1 else { return Ok(None) };
        let value: Value = object.get(name)?;
        Ok((!is_nullish(&value)).then_some(value))
    }

    fn flag(&self, name: &str) -> Result<bool> {
        Ok(self.value(name)?.is_some_and(|value| truthy(&value)))
    }

    fn text(&self, name: &str) -> Result<String> {
        Ok(self
            .value(name)?
            .map_or_else(String::new, |value| value_to_text(self.0, &value)))
    }

    fn bytes(&self, name: &str) -> Result<Option<Bytes>> {
        let Some(value) = self.value(name)? else {
            return Ok(None);
        };
        match value_to_data(self.0, &value).filter(|data| data.len() <= limits::HELD_BYTES) {
            Some(data) => Ok(Some(data.to_bytes())),
            None => Err(throw_type(self.0, &format!("MQTT: {name} expects a Data or a string"))),
        }
    }

    fn number(&self, name: &str, most: u32) -> Result<u32> {
        self.value(name)?
            .map_or(Ok(0), |value| number(self.0, name, &value, most))
    }

    fn properties(&self) -> Result<Vec<Property>> {
        let mut all = Vec::new();
        let Some(properties) = self.value("properties")?.and_then(Value::into_object) else {
            return Ok(all);
        };
        for entry in properties.props::<String, Value>() {
            let (name, value) = entry?;
            let Some((id, kind)) = property_id(&name) else {
                return Err(throw_error(self.0, &format!("MQTT: '{name}' is no property")));
            };
            let values = match (kind, value.as_list()) {
                (PropertyKind::Variable | PropertyKind::Pair, Some(array)) => {
                    array.iter().collect::<Result<Vec<_>>>()?
                }
                _ => vec![value],
            };
            for value in values.iter().filter(|value| !is_nullish(value)) {
                all.push(self.property(id, kind, &name, value)?);
            }
        }
        Ok(all)
    }

    fn property(&self, id: u8, kind: PropertyKind, name: &str, value: &Value<'js>) -> Result<Property> {
        let most = match kind {
            PropertyKind::Byte => 0xff,
            PropertyKind::Short => 0xffff,
            PropertyKind::Variable => 0x0fff_ffff,
            PropertyKind::Word => u32::MAX,
            PropertyKind::Text => return Ok(Property::Text(id, value_to_text(self.0, value))),
            PropertyKind::Binary => {
                let data = value_to_data(self.0, value).unwrap_or_default();
                return Ok(Property::Binary(id, data.to_bytes()));
            }
            PropertyKind::Pair => {
                let Some(pair) = value.as_list().filter(|pair| pair.len() == 2) else {
                    return Err(throw_type(self.0, &format!("MQTT: {name} expects [name, value]")));
                };
                let text = |index: usize| -> Result<String> { Ok(value_to_text(self.0, &pair.get::<Value>(index)?)) };
                return Ok(Property::Pair(id, text(0)?, text(1)?));
            }
        };
        Ok(Property::Number(id, number(self.0, name, value, most)?))
    }
}

fn number<'js>(ctx: &Ctx<'js>, name: &str, value: &Value<'js>, most: u32) -> Result<u32> {
    let number = number_of(value, 1.0).filter(|number| (0.0..=f64::from(most)).contains(number));
    number.map(|number| number as u32).ok_or_else(|| {
        let given = value_to_text(ctx, value);
        throw_error(ctx, &format!("MQTT: {name} {given} is not between 0 and {most}"))
    })
}
