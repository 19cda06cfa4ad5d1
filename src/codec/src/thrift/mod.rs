//! Thrift: messages of a call, as bytes and back, in the binary protocol (strict and old) and the compact one, bare or framed.
//!
//! For: whole messages as trees of values, without an IDL. Not for: JSON protocols, the header transport, what fields mean.
//! Source: the pages "Thrift Binary protocol encoding" and "Thrift Compact protocol encoding" (doc/specs of Apache Thrift), and
//! "Thrift Remote Procedure Call" (framed transport).
mod decode;
mod encode;

pub use decode::Decoder;
pub use encode::encode;

use bytes::Bytes;

/// Containers in one another.
pub const MAX_DEPTH: usize = 64;
/// Fields and elements of one message: they cost more memory than bytes.
pub const MAX_ELEMENTS: usize = 1 << 18;

/// How a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// Binary, with its version in front.
    #[default]
    Binary,
    /// Binary, as it was before there were versions.
    Old,
    /// Compact.
    Compact,
}

macro_rules! named {
    ($(#[$about:meta])* $type:ident $number:ty { $($kind:ident $code:literal $name:literal $($other:literal)*;)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr($number)]
        pub enum $type {
            $(#[doc = $name] $kind = $code,)*
        }

        impl $type {
            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),* }
            }
            /// What has that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name $(| $other)* => Some(Self::$kind),)* _ => None }
            }
            fn from_code(code: $number) -> Option<Self> {
                match code { $($code => Some(Self::$kind),)* _ => None }
            }
        }
    };
}
named!(
    /// What a message is.
    Kind u8 {
        Call 1 "call";
        Reply 2 "reply";
        Exception 3 "exception";
        Oneway 4 "oneway";
    }
);
named!(
    /// Types of values; the numbers are those of the binary protocol.
    Type u8 {
        Bool 2 "bool";
        I8 3 "i8" "byte";
        Double 4 "double";
        I16 6 "i16";
        I32 8 "i32" "enum";
        I64 10 "i64";
        Binary 11 "binary" "string";
        Struct 12 "struct";
        Map 13 "map";
        Set 14 "set";
        List 15 "list";
        Uuid 16 "uuid";
    }
);

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// How it is written.
    pub protocol: Protocol,
    /// Its length stands in front.
    pub framed: bool,
    /// What it is.
    pub kind: Kind,
    /// Ties a reply to its call.
    pub seq_id: i32,
    /// Of the method.
    pub name: String,
    /// Arguments, result or exception.
    pub fields: Vec<Field>,
}

/// A field of a structure; its type is its value's.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// As in the IDL.
    pub id: i16,
    /// What it holds.
    pub value: Value,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `bool`
    Bool(bool),
    /// `i8`
    I8(i8),
    /// `double`
    Double(f64),
    /// `i16`
    I16(i16),
    /// `i32` and enumerations
    I32(i32),
    /// `i64`
    I64(i64),
    /// `binary` and `string`
    Binary(Bytes),
    /// `struct`, `union`, `exception`
    Struct(Vec<Field>),
    /// `map`. Without pairs, the compact protocol has no types of them: both are `Bool` then.
    Map(Type, Type, Vec<(Value, Value)>),
    /// `set`
    Set(Type, Vec<Value>),
    /// `list`
    List(Type, Vec<Value>),
    /// `uuid`
    Uuid([u8; 16]),
}

impl Value {
    /// Its type.
    pub fn kind(&self) -> Type {
        match self {
            Value::Bool(_) => Type::Bool,
            Value::I8(_) => Type::I8,
            Value::Double(_) => Type::Double,
            Value::I16(_) => Type::I16,
            Value::I32(_) => Type::I32,
            Value::I64(_) => Type::I64,
            Value::Binary(_) => Type::Binary,
            Value::Struct(_) => Type::Struct,
            Value::Map(..) => Type::Map,
            Value::Set(..) => Type::Set,
            Value::List(..) => Type::List,
            Value::Uuid(_) => Type::Uuid,
        }
    }
}

/// Types by their number in the compact protocol; 1 and 2 are both `Bool`.
const COMPACT: [Type; 14] = [
    Type::Bool,
    Type::Bool,
    Type::Bool,
    Type::I8,
    Type::I16,
    Type::I32,
    Type::I64,
    Type::Double,
    Type::Binary,
    Type::List,
    Type::Set,
    Type::Map,
    Type::Struct,
    Type::Uuid,
];

/// Why bytes are no Thrift. Nothing is decoded after one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A version other than 1, or a kind of message that is none.
    #[error("neither the binary nor the compact protocol, or of another version")]
    Protocol,
    /// The number of no type.
    #[error("there is no type {0}")]
    Type(u8),
    /// A number that is too long, a negative length, text that is no UTF-8 in a name.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// Beyond the decoder's bound.
    #[error("a message is longer than {0} bytes")]
    TooLong(usize),
    /// See [`MAX_DEPTH`] and [`MAX_ELEMENTS`].
    #[error("values nest too deeply, or are too many")]
    TooMany,
    /// The input ends inside of a message.
    #[error("the stream ends inside of a message")]
    Truncated,
}

#[cfg(test)]
mod tests;
