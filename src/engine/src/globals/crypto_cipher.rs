//! `crypto.Cipher` and `crypto.Decipher`. Example: `new crypto.Cipher('aes-128-cbc', { key, iv })`, `update`, `final`.
//! Not here: modes with a tag (GCM), for which the interface has no place. Source: pipyjs/globals.md section 7;
//! NIST SP 800-38A, RFC 5652 section 6.3 (padding).

use super::crypto_hash::{bytes, result};
use crate::js::{self, Options, throw_error, throw_type, value_to_data};
use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use des::TdesEde3;
use rquickjs::class::Trace;
use rquickjs::prelude::Opt;
use rquickjs::{Ctx, JsLifetime, Value};

/// Longest block of a cipher, bytes.
const BLOCK: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Ecb,
    Cbc,
    Ctr,
}

/// One block in place.
trait Block {
    fn encrypt(&self, block: &mut [u8]);
    fn decrypt(&self, block: &mut [u8]);
}

impl<C: BlockCipherEncrypt + BlockCipherDecrypt> Block for C {
    fn encrypt(&self, block: &mut [u8]) {
        if let Ok(block) = <&mut Array<u8, _>>::try_from(block) {
            self.encrypt_block(block);
        }
    }

    fn decrypt(&self, block: &mut [u8]) {
        if let Ok(block) = <&mut Array<u8, _>>::try_from(block) {
            self.decrypt_block(block);
        }
    }
}

fn made<C: Block + KeyInit + 'static>(key: &[u8]) -> Option<Box<dyn Block>> {
    Some(Box::new(C::new_from_slice(key).ok()?))
}

/// Name, bytes of the key, of a block, mode, and the cipher.
type Row = (&'static str, usize, usize, Mode, fn(&[u8]) -> Option<Box<dyn Block>>);

/// The first row of a key size is what the name without a mode stands for.
static CIPHERS: [Row; 11] = [
    ("aes-128-cbc", 16, 16, Mode::Cbc, made::<Aes128>),
    ("aes-192-cbc", 24, 16, Mode::Cbc, made::<Aes192>),
    ("aes-256-cbc", 32, 16, Mode::Cbc, made::<Aes256>),
    ("aes-128-ctr", 16, 16, Mode::Ctr, made::<Aes128>),
    ("aes-192-ctr", 24, 16, Mode::Ctr, made::<Aes192>),
    ("aes-256-ctr", 32, 16, Mode::Ctr, made::<Aes256>),
    ("aes-128-ecb", 16, 16, Mode::Ecb, made::<Aes128>),
    ("aes-192-ecb", 24, 16, Mode::Ecb, made::<Aes192>),
    ("aes-256-ecb", 32, 16, Mode::Ecb, made::<Aes256>),
    ("des-ede3-cbc", 24, 8, Mode::Cbc, made::<TdesEde3>),
    ("des-ede3-ecb", 24, 8, Mode::Ecb, made::<TdesEde3>),
];

const ALIASES: [(&str, &str); 5] = [
    ("aes128", "aes-128-cbc"),
    ("aes192", "aes-192-cbc"),
    ("aes256", "aes-256-cbc"),
    ("des3", "des-ede3-cbc"),
    ("des-ede3", "des-ede3-ecb"),
];

/// A cipher under way, either direction.
struct Run {
    block: Box<dyn Block>,
    mode: Mode,
    size: usize,
    decrypts: bool,
    /// CBC: the block before this one; CTR: the counter.
    chain: Vec<u8>,
    /// What does not fill a block yet; a decryption also keeps the last block, which ends in the padding.
    rest: Vec<u8>,
    /// CTR: bytes of the key stream that are left.
    stream: Vec<u8>,
}

impl Run {
    fn new<'js>(ctx: &Ctx<'js>, algorithm: &str, options: &Value<'js>, decrypts: bool) -> js::Result<Self> {
        let lower = algorithm.to_ascii_lowercase();
        let name = ALIASES
            .iter()
            .find(|(alias, _)| *alias == lower)
            .map_or(lower.as_str(), |row| row.1);
        let Some((name, key_len, size, mode, make)) = CIPHERS.iter().find(|row| row.0 == name) else {
            let known: Vec<&str> = CIPHERS.iter().map(|row| row.0).collect();
            return Err(throw_error(
                ctx,
                &format!("unknown cipher algorithm '{algorithm}'; known: {}", known.join(", ")),
            ));
        };
        let options = Options::new(ctx, options)?;
        let given = |option: &str, len: usize| -> js::Result<Vec<u8>> {
            let value = options.value(option)?;
            let data = value.and_then(|value| value_to_data(ctx, &value));
            let data = data.ok_or_else(|| throw_type(ctx, &format!("options.{option} expects a Data or a string")))?;
            if data.len() != len {
                return Err(throw_error(
                    ctx,
                    &format!("options.{option} has {} bytes; {name} takes {len}", data.len()),
                ));
            }
            Ok(data.to_vec())
        };
        let key = given("key", *key_len)?;
        let chain = match mode {
            Mode::Ecb => Vec::new(),
            Mode::Cbc | Mode::Ctr => given("iv", *size)?,
        };
        Ok(Run {
            block: make(&key).ok_or_else(|| throw_error(ctx, "options.key cannot be used"))?,
            mode: *mode,
            size: *size,
            decrypts,
            chain,
            rest: Vec::new(),
            stream: Vec::new(),
        })
    }

    fn update(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.mode == Mode::Ctr {
            return bytes.iter().map(|byte| byte ^ self.stream_byte()).collect();
        }
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(bytes);
        let mut whole = all.len() / self.size * self.size;
        if self.decrypts && whole == all.len() {
            whole = whole.saturating_sub(self.size);
        }
        self.rest = all.split_off(whole);
        all.chunks_exact_mut(self.size).for_each(|block| self.one(block));
        all
    }

    fn one(&mut self, block: &mut [u8]) {
        if self.mode == Mode::Ecb {
            return if self.decrypts {
                self.block.decrypt(block)
            } else {
                self.block.encrypt(block)
            };
        }
        if self.decrypts {
            let before = std::mem::replace(&mut self.chain, block.to_vec());
            self.block.decrypt(block);
            mix(block, &before);
        } else {
            mix(block, &self.chain);
            self.block.encrypt(block);
            self.chain.copy_from_slice(block);
        }
    }

    fn stream_byte(&mut self) -> u8 {
        if self.stream.is_empty() {
            let mut block = self.chain.clone();
            self.block.encrypt(&mut block);
            block.reverse();
            self.stream = block;
            // The whole block counts, its last byte first.
            for byte in self.chain.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
        self.stream.pop().unwrap_or_default()
    }

    /// The last bytes; None when what was decrypted does not end in a padding.
    fn finish(mut self) -> Option<Vec<u8>> {
        if self.mode == Mode::Ctr {
            return Some(Vec::new());
        }
        let mut block = std::mem::take(&mut self.rest);
        if !self.decrypts {
            let missing = self.size - block.len();
            block.resize(self.size, missing as u8);
            self.one(&mut block);
            return Some(block);
        }
        if block.len() != self.size {
            return None;
        }
        self.one(&mut block);
        let padding = usize::from(*block.last()?);
        let kept = self.size.checked_sub(padding)?;
        let is_right = padding > 0 && block.split_at(kept).1.iter().all(|byte| usize::from(*byte) == padding);
        block.truncate(kept);
        is_right.then_some(block)
    }
}

fn mix(block: &mut [u8], other: &[u8]) {
    debug_assert!(block.len() <= BLOCK, "no cipher has longer blocks");
    block.iter_mut().zip(other).for_each(|(byte, other)| *byte ^= other);
}

fn update<'js>(
    run: &mut Option<Run>,
    ctx: &Ctx<'js>,
    data: &Value<'js>,
    encoding: Option<&str>,
) -> js::Result<Value<'js>> {
    let data = bytes(ctx, data, encoding)?;
    let Some(run) = run else {
        return Err(throw_error(ctx, "nothing can be added after final()"));
    };
    let mut all = Vec::with_capacity(data.len() + BLOCK);
    data.chunks().for_each(|chunk| all.extend(run.update(chunk)));
    result(ctx, all, None)
}

fn finish<'js>(run: &mut Option<Run>, ctx: &Ctx<'js>) -> js::Result<Value<'js>> {
    let Some(run) = run.take() else {
        return Ok(Value::new_undefined(ctx.clone()));
    };
    match run.finish() {
        Some(last) => result(ctx, last, None),
        None => Err(throw_error(ctx, "cannot decrypt: the key, the iv or the data is wrong")),
    }
}

/// Encrypts.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub struct Cipher {
    #[qjs(skip_trace)]
    run: Option<Run>,
}

#[rquickjs::methods]
impl Cipher {
    /// `new Cipher(algorithm, { key, iv })`.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, algorithm: String, options: Value<'js>) -> js::Result<Self> {
        let run = Some(Run::new(&ctx, &algorithm, &options, false)?);
        Ok(Cipher { run })
    }

    /// What is encrypted so far.
    pub fn update<'js>(&mut self, ctx: Ctx<'js>, data: Value<'js>, encoding: Opt<String>) -> js::Result<Value<'js>> {
        update(&mut self.run, &ctx, &data, encoding.0.as_deref())
    }

    /// The rest, with its padding; undefined the second time.
    #[qjs(rename = "final")]
    pub fn finish<'js>(&mut self, ctx: Ctx<'js>) -> js::Result<Value<'js>> {
        finish(&mut self.run, &ctx)
    }
}

/// Decrypts.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub struct Decipher {
    #[qjs(skip_trace)]
    run: Option<Run>,
}

#[rquickjs::methods]
impl Decipher {
    /// `new Decipher(algorithm, { key, iv })`.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, algorithm: String, options: Value<'js>) -> js::Result<Self> {
        let run = Some(Run::new(&ctx, &algorithm, &options, true)?);
        Ok(Decipher { run })
    }

    /// What is decrypted so far.
    pub fn update<'js>(&mut self, ctx: Ctx<'js>, data: Value<'js>, encoding: Opt<String>) -> js::Result<Value<'js>> {
        update(&mut self.run, &ctx, &data, encoding.0.as_deref())
    }

    /// The rest, without its padding; undefined the second time. Throws when the padding is not one.
    #[qjs(rename = "final")]
    pub fn finish<'js>(&mut self, ctx: Ctx<'js>) -> js::Result<Value<'js>> {
        finish(&mut self.run, &ctx)
    }
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::check_values;
    use std::io::Write;
    use std::process::{Command, Stdio};

    /// What `openssl enc` makes of `plain`.
    fn openssl(algorithm: &str, key: &str, iv: &str, plain: &str) -> String {
        let mut command = Command::new("openssl");
        command.args(["enc", "-e", &format!("-{algorithm}"), "-K", key]);
        if !iv.is_empty() {
            command.args(["-iv", iv]);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("openssl is installed");
        child
            .stdin
            .take()
            .expect("piped")
            .write_all(plain.as_bytes())
            .expect("it reads");
        let done = child.wait_with_output().expect("ends");
        assert!(done.status.success(), "{algorithm}");
        done.stdout.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn as_openssl_both_ways() {
        let mut rows = Vec::new();
        for (algorithm, _, size, mode, _) in &super::CIPHERS {
            let key_len = super::CIPHERS
                .iter()
                .find(|row| row.0 == *algorithm)
                .map_or(0, |row| row.1);
            let key: String = (0..key_len).map(|n| format!("{:02x}", n * 7 + 1)).collect();
            // Counts over the end of a byte.
            let iv = "ff".repeat(*size);
            for len in [0, 1, size - 1, *size, size + 1, 5 * size] {
                let plain: String = "0123456789abcdefghijklmnopqrstuvwxyz"
                    .chars()
                    .cycle()
                    .take(len)
                    .collect();
                let iv = if *mode == super::Mode::Ecb { "" } else { &iv };
                let expected = openssl(algorithm, &key, iv, &plain);
                let options = format!("{{ key: new Data('{key}', 'hex'), iv: new Data('{iv}', 'hex') }}");
                let run = |class: &str, data: &str| {
                    format!(
                        "(c => {data}.map(d => c.update(d)).concat(c.final()).reduce((all, d) => all.push(d), new Data))
                         (new crypto.{class}('{algorithm}', {options}))"
                    )
                };
                let bytes = format!("'{plain}'.split('')");
                rows.push((format!("{}.toString('hex')", run("Cipher", &bytes)), expected.clone()));
                let bytes = format!("(new Data('{expected}', 'hex')).toArray().map(n => new Data([n]))");
                rows.push((run("Decipher", &bytes), plain));
            }
        }
        let rows: Vec<(&str, &str)> = rows
            .iter()
            .map(|(value, expected)| (value.as_str(), expected.as_str()))
            .collect();
        check_values(&rows).await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn refused() {
        check_values(&[
            (
                "new crypto.Cipher('aes-128-gcm', {})",
                "throws unknown cipher algorithm 'aes-128-gcm'; known: aes-128-cbc, aes-192-cbc, aes-256-cbc, aes-128-ctr, aes-192-ctr, aes-256-ctr, aes-128-ecb, aes-192-ecb, aes-256-ecb, des-ede3-cbc, des-ede3-ecb",
            ),
            (
                "new crypto.Cipher('aes-128-cbc', { key: 'short', iv: '0123456789abcdef' })",
                "throws options.key has 5 bytes; aes-128-cbc takes 16",
            ),
            (
                "new crypto.Cipher('AES128', { key: '0123456789abcdef' })",
                "throws options.iv expects a Data or a string",
            ),
            (
                "(c => (c.final(), c.final()))(new crypto.Cipher('aes-128-ecb', { key: '0123456789abcdef' }))",
                "undefined",
            ),
            (
                "(c => (c.final(), c.update('x')))(new crypto.Cipher('aes-128-ecb', { key: '0123456789abcdef' }))",
                "throws nothing can be added after final()",
            ),
            (
                "(c => (c.update('0123456789abcdef'), c.final()))(new crypto.Decipher('aes-128-ecb', { key: '0123456789abcdef' }))",
                "throws cannot decrypt: the key, the iv or the data is wrong",
            ),
            (
                "(c => (c.update('012345678'), c.final()))(new crypto.Decipher('aes-128-ecb', { key: '0123456789abcdef' }))",
                "throws cannot decrypt: the key, the iv or the data is wrong",
            ),
        ])
        .await;
    }
}
