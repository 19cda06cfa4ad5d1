//! `DNS.decode(data)` and `DNS.encode(message)`: messages of the protocol as objects. Source: pipyjs/globals.md section 12.

use crate::data::Data;
use crate::js::{self, JsData, List, Options, throw_error, throw_type, value_to_data};
use ballast_codec::dns::{CLASS_IN, Flags, Message, Question, RData, Record, Soa, type_name, type_number};
use rquickjs::function::Function;
use rquickjs::{Array, Class, Ctx, IntoJs, Object, Value};

/// Puts both on the object `DNS`.
pub(super) fn init<'js>(ctx: &Ctx<'js>, dns: &Object<'js>) -> js::Result<()> {
    dns.set("decode", Function::new(ctx.clone(), decode)?)?;
    dns.set("encode", Function::new(ctx.clone(), encode)?)
}

fn decode<'js>(ctx: Ctx<'js>, data: Value<'js>) -> js::Result<Object<'js>> {
    let data = Class::<JsData>::from_value(&data).map_err(|_| throw_type(&ctx, "argument 1 expects a Data"))?;
    let bytes = data.borrow().data().to_bytes();
    let message = Message::decode(&bytes).map_err(|error| throw_error(&ctx, &error.to_string()))?;
    let object = Object::new(ctx.clone())?;
    object.set("id", message.id)?;
    let Flags {
        qr,
        opcode,
        aa,
        tc,
        rd,
        ra,
        ad,
        cd,
        rcode,
    } = message.flags;
    for (name, number) in [
        ("qr", u8::from(qr)),
        ("opcode", opcode),
        ("aa", u8::from(aa)),
        ("tc", u8::from(tc)),
        ("rd", u8::from(rd)),
        ("ra", u8::from(ra)),
        ("ad", u8::from(ad)),
        ("cd", u8::from(cd)),
        ("rcode", rcode),
    ] {
        if number != 0 {
            object.set(name, number)?;
        }
    }
    let questions = Array::new(ctx.clone())?;
    for (index, question) in message.questions.iter().enumerate() {
        questions.set(index, named(&ctx, &question.name, question.kind, question.class)?)?;
    }
    object.set("question", questions)?;
    for (name, records) in [
        ("answer", message.answers),
        ("authority", message.authorities),
        ("additional", message.additionals),
    ] {
        let array = Array::new(ctx.clone())?;
        for (index, record) in records.into_iter().enumerate() {
            let object = named(&ctx, &record.name, record.kind, record.class)?;
            object.set("ttl", f64::from(record.ttl))?;
            object.set("rdata", data_value(&ctx, record.data)?)?;
            array.set(index, object)?;
        }
        object.set(name, array)?;
    }
    Ok(object)
}

/// Name, type and, where it is not that of the Internet, class.
fn named<'js>(ctx: &Ctx<'js>, name: &str, kind: u16, class: u16) -> js::Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("name", name)?;
    match type_name(kind) {
        Some(kind) => object.set("type", kind)?,
        None => object.set("type", kind)?,
    }
    if class != CLASS_IN {
        object.set("class", class)?;
    }
    Ok(object)
}

fn data_value<'js>(ctx: &Ctx<'js>, data: RData) -> js::Result<Value<'js>> {
    let object = Object::new(ctx.clone())?;
    match data {
        RData::A(ip) => return ip.to_string().into_js(ctx),
        RData::Aaaa(ip) => return ip.to_string().into_js(ctx),
        RData::Name(name) => return name.into_js(ctx),
        RData::Txt(texts) => return String::from_utf8_lossy(&texts.concat()).into_js(ctx),
        RData::Other(bytes) => {
            let data = Data::from(bytes);
            return Ok(JsData::object(ctx, data)?.into_value());
        }
        RData::Mx { preference, exchange } => {
            object.set("preference", preference)?;
            object.set("exchange", exchange)?;
        }
        RData::Soa(soa) => {
            object.set("mname", soa.mname)?;
            object.set("rname", soa.rname)?;
            for (name, number) in [
                ("serial", soa.serial),
                ("refresh", soa.refresh),
                ("retry", soa.retry),
                ("expire", soa.expire),
                ("minimum", soa.minimum),
            ] {
                object.set(name, f64::from(number))?;
            }
        }
        RData::Srv {
            priority,
            weight,
            port,
            target,
        } => {
            object.set("priority", priority)?;
            object.set("weight", weight)?;
            object.set("port", port)?;
            object.set("target", target)?;
        }
    }
    Ok(object.into_value())
}

fn encode<'js>(ctx: Ctx<'js>, message: Value<'js>) -> js::Result<Class<'js, JsData>> {
    if !message.is_object() {
        return Err(throw_type(&ctx, "argument 1 expects an object"));
    }
    let fields = Fields(Options::new(&ctx, &message)?, &ctx);
    let flag = |name: &str| -> js::Result<bool> { Ok(fields.0.value(name)?.is_some_and(|value| js::truthy(&value))) };
    let mut all = Message {
        id: fields.number("id", 0)?,
        flags: Flags {
            qr: flag("qr")?,
            opcode: fields.number("opcode", 0)? as u8,
            aa: flag("aa")?,
            tc: flag("tc")?,
            rd: flag("rd")?,
            ra: flag("ra")?,
            ad: flag("ad")?,
            cd: flag("cd")?,
            rcode: fields.number("rcode", 0)? as u8,
        },
        ..Message::default()
    };
    for question in fields.array("question")? {
        let question = Fields(Options::new(&ctx, &question)?, &ctx);
        all.questions.push(Question {
            name: question.text("name")?,
            kind: question.kind()?,
            class: question.class()?,
        });
    }
    for (name, section) in [
        ("answer", &mut all.answers),
        ("authority", &mut all.authorities),
        ("additional", &mut all.additionals),
    ] {
        for record in fields.array(name)? {
            section.push(Fields(Options::new(&ctx, &record)?, &ctx).record()?);
        }
    }
    let bytes = all.encode().map_err(|error| throw_error(&ctx, &error.to_string()))?;
    JsData::object(&ctx, Data::from(bytes))
}

/// The fields of an object of a script.
struct Fields<'a, 'js>(Options<'js>, &'a Ctx<'js>);

impl<'js> Fields<'_, 'js> {
    /// A number of 16 bits.
    fn number(&self, name: &str, default: u16) -> js::Result<u16> {
        let number = self.0.number(name)?.unwrap_or(f64::from(default));
        if (0.0..=65535.0).contains(&number) {
            return Ok(number as u16);
        }
        Err(throw_error(
            self.1,
            &format!("{name} {number} does not fit into a DNS message"),
        ))
    }

    /// A number of 32 bits.
    fn long(&self, name: &str) -> js::Result<u32> {
        let number = self.0.number(name)?.unwrap_or(0.0);
        if (0.0..=f64::from(u32::MAX)).contains(&number) {
            return Ok(number as u32);
        }
        Err(throw_error(
            self.1,
            &format!("{name} {number} does not fit into a DNS message"),
        ))
    }

    fn text(&self, name: &str) -> js::Result<String> {
        Ok(self.0.string(name)?.unwrap_or_default())
    }

    fn array(&self, name: &str) -> js::Result<Vec<Value<'js>>> {
        let Some(value) = self.0.value(name)? else {
            return Ok(Vec::new());
        };
        match value.as_list() {
            Some(array) => array.iter().collect(),
            None => Err(throw_type(self.1, &format!("{name} of a DNS message expects an array"))),
        }
    }

    /// A type: its name or its number.
    fn kind(&self) -> js::Result<u16> {
        let text = match self.0.value("type")? {
            Some(value) if value.is_string() => self.text("type")?,
            _ => return self.number("type", 1),
        };
        type_number(&text).map_or_else(|| self.number("type", 1), Ok)
    }

    fn class(&self) -> js::Result<u16> {
        match self.0.value("class")? {
            Some(value) if value.is_string() => match self.text("class")?.as_str() {
                "IN" => Ok(CLASS_IN),
                "CH" => Ok(3),
                "HS" => Ok(4),
                "ANY" => Ok(255),
                _ => self.number("class", CLASS_IN),
            },
            _ => self.number("class", CLASS_IN),
        }
    }

    fn record(&self) -> js::Result<Record> {
        let kind = self.kind()?;
        let rdata = self.0.value("rdata")?;
        let wrong = || {
            let kind = type_name(kind).map_or_else(|| kind.to_string(), str::to_owned);
            throw_type(self.1, &format!("rdata of a DNS record of type {kind} is malformed"))
        };
        let text = || self.text("rdata");
        let data = match (type_name(kind), &rdata) {
            (_, None) => RData::Other(Vec::new()),
            (_, Some(value)) if Class::<JsData>::from_value(value).is_ok() => {
                RData::Other(value_to_data(self.1, value).unwrap_or_default().to_vec())
            }
            (Some("A"), _) => RData::A(text()?.parse().map_err(|_| wrong())?),
            (Some("AAAA"), _) => RData::Aaaa(text()?.parse().map_err(|_| wrong())?),
            (Some("CNAME" | "NS" | "PTR"), _) => RData::Name(text()?),
            (Some("TXT"), Some(value)) => RData::Txt(texts(value).ok_or_else(wrong)?),
            (Some("MX" | "SOA" | "SRV"), Some(value)) if value.is_object() => self.object(kind, value)?,
            _ => return Err(wrong()),
        };
        Ok(Record {
            name: self.text("name")?,
            kind,
            class: self.class()?,
            ttl: self.long("ttl")?,
            data,
        })
    }

    fn object(&self, kind: u16, value: &Value<'js>) -> js::Result<RData> {
        let fields = Fields(Options::new(self.1, value)?, self.1);
        Ok(match type_name(kind) {
            Some("MX") => RData::Mx {
                preference: fields.number("preference", 0)?,
                exchange: fields.text("exchange")?,
            },
            Some("SRV") => RData::Srv {
                priority: fields.number("priority", 0)?,
                weight: fields.number("weight", 0)?,
                port: fields.number("port", 0)?,
                target: fields.text("target")?,
            },
            _ => RData::Soa(Box::new(Soa {
                mname: fields.text("mname")?,
                rname: fields.text("rname")?,
                serial: fields.long("serial")?,
                refresh: fields.long("refresh")?,
                retry: fields.long("retry")?,
                expire: fields.long("expire")?,
                minimum: fields.long("minimum")?,
            })),
        })
    }
}

/// A text, in strings of 255 bytes; or an array of such strings.
fn texts(value: &Value<'_>) -> Option<Vec<Vec<u8>>> {
    if let Some(array) = value.as_list() {
        let all: js::Result<Vec<String>> = array.iter().collect();
        return Some(all.ok()?.into_iter().map(String::into_bytes).collect());
    }
    let text = value.as_string()?.to_string().ok()?.into_bytes();
    if text.is_empty() {
        return Some(vec![Vec::new()]);
    }
    Some(text.chunks(255).map(<[u8]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::{exchange, serve};
    use hickory_resolver::proto::op::{Message, MessageType, OpCode, Query};
    use hickory_resolver::proto::rr::rdata::{MX, SRV, TXT};
    use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

    fn name(text: &str) -> Name {
        Name::from_ascii(text).expect("a name")
    }

    async fn run(expression: &str, input: &[u8]) -> Vec<u8> {
        let script = format!(
            "pipy().listen(PORT).replaceStreamStart(e => [new MessageStart, e]).replaceStreamEnd(e => [new MessageEnd, e])\
             .replaceMessage(m => invoke(() => {expression}, e => new Data('' + e)))"
        );
        let served = serve(&script).await;
        exchange(served.port, input).await
    }

    /// What another implementation writes is read; what we write it reads.
    #[tokio::test(flavor = "current_thread")]
    async fn speaks_with_hickory() {
        let mut message = Message::new(4660, MessageType::Response, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(name("a.example.com."), RecordType::A));
        let record = |data| Record::from_rdata(name("a.example.com."), 60, data);
        message.add_answer(record(RData::A("192.0.2.1".parse().expect("address"))));
        message.add_answer(record(RData::MX(MX::new(10, name("m.example.com.")))));
        message.add_answer(record(RData::SRV(SRV::new(1, 2, 53, name("s.example.com.")))));
        message.add_answer(record(RData::TXT(TXT::new(vec!["one".into(), "two".into()]))));
        let bytes = message.to_vec().expect("it can be said");
        let shown = run("new Data(JSON.stringify(DNS.decode(m.body)))", &bytes).await;
        let expected = concat!(
            r#"{"id":4660,"qr":1,"rd":1,"question":[{"name":"a.example.com","type":"A"}],"answer":["#,
            r#"{"name":"a.example.com","type":"A","ttl":60,"rdata":"192.0.2.1"},"#,
            r#"{"name":"a.example.com","type":"MX","ttl":60,"rdata":{"preference":10,"exchange":"m.example.com"}},"#,
            r#"{"name":"a.example.com","type":"SRV","ttl":60,"rdata":{"priority":1,"weight":2,"port":53,"target":"s.example.com"}},"#,
            r#"{"name":"a.example.com","type":"TXT","ttl":60,"rdata":"onetwo"}],"authority":[],"additional":[]}"#,
        );
        assert_eq!(String::from_utf8_lossy(&shown), expected);
        let again = run("DNS.encode(DNS.decode(m.body))", &bytes).await;
        let again = Message::from_vec(&again).expect("hickory reads it");
        assert_eq!((again.metadata.id, again.answers.len()), (4660, 4));
        assert_eq!(again.answers.first(), message.answers.first());
        assert_eq!(again.answers.get(2), message.answers.get(2));
    }

    /// globals.md section 12: shapes, flags, what throws.
    #[tokio::test(flavor = "current_thread")]
    async fn shapes_and_errors() {
        let again = |message: &str| format!("new Data(JSON.stringify(DNS.decode(DNS.encode({message}))))");
        let rest = r#","authority":[],"additional":[]}"#;
        for (expression, expected) in [
            (again("{}"), format!(r#"{{"id":0,"question":[],"answer":[]{rest}"#)),
            (
                again("{ id: 7, qr: true, opcode: 2, aa: 1, tc: 1, ra: 1, ad: 1, cd: 1, rcode: 3 }"),
                format!(r#"{{"id":7,"qr":1,"opcode":2,"aa":1,"tc":1,"ra":1,"ad":1,"cd":1,"rcode":3,"question":[],"answer":[]{rest}"#),
            ),
            (
                again("{ question: [{ name: 'x.', type: 65, class: 'CH' }, { name: 'y', type: 'aaaa', class: 9 }] }"),
                format!(r#"{{"id":0,"question":[{{"name":"x","type":65,"class":3}},{{"name":"y","type":"AAAA","class":9}}],"answer":[]{rest}"#),
            ),
            (
                again("{ answer: [{ name: 'x', type: 'TXT', rdata: ['a', 'b'] }, { name: 'x', type: 'CNAME', ttl: 4294967295, rdata: 'y' }] }"),
                format!(r#"{{"id":0,"question":[],"answer":[{{"name":"x","type":"TXT","ttl":0,"rdata":"ab"}},{{"name":"x","type":"CNAME","ttl":4294967295,"rdata":"y"}}]{rest}"#),
            ),
            (
                "DNS.decode(DNS.encode({ additional: [{ name: '', type: 41, class: 4096, rdata: new Data('opt') }] })).additional[0].rdata".to_owned(),
                "opt".to_owned(),
            ),
            (
                "new Data(JSON.stringify(DNS.decode(DNS.encode({ authority: [{ name: 'x', type: 'SOA', rdata: { mname: 'a', rname: 'b', serial: 4000000000 } }] })).authority[0].rdata))".to_owned(),
                r#"{"mname":"a","rname":"b","serial":4000000000,"refresh":0,"retry":0,"expire":0,"minimum":0}"#.to_owned(),
            ),
            ("DNS.decode(new Data('short'))".to_owned(), "DNS message cut short".to_owned()),
            ("DNS.decode('text')".to_owned(), "argument 1 expects a Data".to_owned()),
            ("DNS.encode(1)".to_owned(), "argument 1 expects an object".to_owned()),
            ("DNS.encode({ id: 70000 })".to_owned(), "id 70000 does not fit into a DNS message".to_owned()),
            ("DNS.encode({ question: [{ name: 'a..b' }] })".to_owned(), "malformed name in a DNS message".to_owned()),
            ("DNS.encode({ answer: [{ type: 'A', rdata: 'x' }] })".to_owned(), "rdata of a DNS record of type A is malformed".to_owned()),
            ("DNS.encode({ answer: {} })".to_owned(), "answer of a DNS message expects an array".to_owned()),
        ] {
            let got = run(&expression, b"x").await;
            assert_eq!(String::from_utf8_lossy(&got), expected, "{expression}");
        }
    }
}
