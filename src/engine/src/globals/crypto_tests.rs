//! Certificates, keys, signatures and tokens of scripts beside OpenSSL and the RFCs' examples.
//! Expectations: pipyjs/globals.md section 7.

use crate::worker::testing::{DEADLINE, check_values, exchange, serve};
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What OpenSSL prints, or says when it fails.
fn try_openssl(dir: &Path, args: &str) -> Result<String, String> {
    let done = Command::new("openssl")
        .args(args.split_whitespace())
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .expect("openssl is installed");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if done.status.success() {
        Ok(text(&done.stdout))
    } else {
        Err(text(&done.stderr))
    }
}

#[track_caller]
fn openssl(dir: &Path, args: &str) -> String {
    try_openssl(dir, args).unwrap_or_else(|said| panic!("openssl {args}: {said}"))
}

/// Keys of all kinds, made by OpenSSL: NAME.key and NAME.pub.
fn keys() -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, how) in [
        ("rsa", "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048"),
        ("p256", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"),
        ("p384", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384"),
        ("p521", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521"),
        ("ed25519", "genpkey -algorithm ED25519"),
    ] {
        openssl(dir.path(), &format!("{how} -out {name}.key"));
        openssl(dir.path(), &format!("pkey -in {name}.key -pubout -out {name}.pub"));
    }
    openssl(dir.path(), "rsa -in rsa.key -traditional -out rsa-pkcs1.key");
    openssl(dir.path(), "rsa -in rsa.key -RSAPublicKey_out -out rsa-pkcs1.pub");
    openssl(dir.path(), "ec -in p256.key -out p256-sec1.key");
    dir
}

/// A file as a string in a script that needs no backslash.
fn text(dir: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(dir.join(name)).expect(name);
    format!("`{text}`")
}

/// The value of an expression as text, in an engine of its own.
async fn value(expression: &str) -> String {
    let script = format!("pipy().listen(PORT).replaceData(d => d.size > 0 ? new Data('' + ({expression})) : null)");
    let served = serve(&script).await;
    String::from_utf8_lossy(&exchange(served.port, b"x").await).into_owned()
}

#[track_caller]
fn rows(rows: &[(String, String)]) -> Vec<(&str, &str)> {
    rows.iter()
        .map(|(value, expected)| (value.as_str(), expected.as_str()))
        .collect()
}

#[tokio::test(flavor = "current_thread")]
async fn keys_as_openssl_writes_them() {
    let dir = keys();
    let read = |name: &str| text(dir.path(), name);
    let plain = |name: &str| {
        std::fs::read_to_string(dir.path().join(name))
            .expect(name)
            .replace('\n', "|")
    };
    let mut all = Vec::new();
    for name in ["rsa", "p256", "p384", "ed25519", "rsa-pkcs1", "p256-sec1"] {
        let public = name.split('-').next().expect("a name");
        let key = read(&format!("{name}.key"));
        all.push((
            format!("new crypto.PublicKey(new crypto.PrivateKey({key})).toPEM().toString().split('\\x0a').join('|')"),
            plain(&format!("{public}.pub")),
        ));
    }
    for name in ["rsa", "p256", "p384", "p521", "ed25519"] {
        let key = read(&format!("{name}.pub"));
        all.push((
            format!("new crypto.PublicKey(new Data({key})).toPEM().toString().split('\\x0a').join('|')"),
            plain(&format!("{name}.pub")),
        ));
    }
    all.push((
        format!(
            "new crypto.PublicKey({}).toPEM().toString().split('\\x0a').join('|')",
            read("rsa-pkcs1.pub")
        ),
        plain("rsa.pub"),
    ));
    check_values(&rows(&all)).await;
}

#[tokio::test(flavor = "current_thread")]
async fn keys_that_cannot_be() {
    check_values(&[
        (
            "new crypto.PublicKey('x')",
            "throws cannot read public key: no valid BEGIN PUBLIC KEY in it",
        ),
        (
            "new crypto.PrivateKey({ type: 'dsa', bits: 2048 })",
            "throws options.type 'dsa': only 'rsa' keys are made; load others as PEM",
        ),
        (
            "new crypto.PrivateKey({ type: 'rsa', bits: 512 })",
            "throws options.bits 512: between 2048 and 4096",
        ),
        (
            "new crypto.PrivateKey({ type: 'rsa', bits: 1e9 })",
            "throws options.bits 1000000000: between 2048 and 4096",
        ),
        (
            "new crypto.PrivateKey({ aliasType: 'sm2' })",
            "throws options.aliasType 'sm2' is not supported: no SM2 keys are in this engine; use RSA or EC keys",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn new_rsa_keys_are_right() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for bits in [2048, 3072] {
        let pem = value(&format!(
            "new crypto.PrivateKey({{ type: 'rsa', bits: {bits} }}).toPEM()"
        ))
        .await;
        std::fs::write(dir.path().join("new.key"), pem).expect("write");
        let said = openssl(dir.path(), "pkey -in new.key -check -text -noout");
        assert!(said.contains("Key is valid"), "{said}");
        assert!(said.contains(&format!("({bits} bit")), "{said}");
    }
}

/// An authority, one below it and a server's certificate, for each kind of key.
#[tokio::test(flavor = "current_thread")]
async fn openssl_accepts_what_is_issued() {
    let dir = keys();
    let path = dir.path();
    for kind in ["rsa", "p256", "p384", "ed25519"] {
        let key = text(path, &format!("{kind}.key"));
        let below = text(path, "p256.key");
        let pem = value(&format!(
            "(() => {{
               const rootKey = new crypto.PrivateKey({key})
               const key = new crypto.PrivateKey({below})
               const ca = {{ basicConstraints: 'critical, CA:TRUE', keyUsage: 'critical, keyCertSign, cRLSign', subjectKeyIdentifier: 'hash' }}
               const root = new crypto.Certificate({{ subject: {{ C: 'CN', O: 'Test', CN: 'root' }}, extensions: ca, days: 3650, privateKey: rootKey, publicKey: new crypto.PublicKey(rootKey) }})
               const middle = new crypto.Certificate({{
                 subject: {{ CN: 'middle' }}, extensions: {{ ...ca, basicConstraints: 'critical, CA:TRUE, pathlen:0', authorityKeyIdentifier: 'keyid' }},
                 issuer: root, privateKey: rootKey, publicKey: new crypto.PublicKey(key) }})
               const leaf = new crypto.Certificate({{
                 subject: {{ CN: 'leaf', emailAddress: 'a@b.test', DC: 'test' }}, days: 30, timeOffset: -3600, issuer: middle, privateKey: key, publicKey: key,
                 extensions: {{ subjectAltName: 'DNS:a.test, DNS:*.b.test, IP:10.0.0.1, IP:::1, email:x@y.test, URI:spiffe://z', basicConstraints: 'CA:FALSE',
                   keyUsage: 'digitalSignature', extendedKeyUsage: 'serverAuth, clientAuth', authorityKeyIdentifier: 'keyid:always' }} }})
               return [root, middle, leaf].map(c => c.toPEM()).join('#') + '#' + [
                 JSON.stringify(leaf.subject), JSON.stringify(leaf.issuer), leaf.subjectAltNames, (leaf.notAfter - leaf.notBefore) / 86400000,
                 Math.round((Date.now() - leaf.notBefore) / 3600000), root.subject.CN == root.issuer.CN].join(' ')
             }})()"
        ))
        .await;
        let parts: Vec<&str> = pem.split('#').collect();
        assert_eq!(parts.len(), 4, "{pem}");
        for (name, pem) in ["root", "middle", "leaf"].iter().zip(&parts) {
            std::fs::write(path.join(format!("{name}.crt")), pem).expect("write");
        }
        openssl(
            path,
            "verify -x509_strict -CAfile root.crt -untrusted middle.crt -purpose sslserver -verify_hostname a.test leaf.crt",
        );
        let foreign = "verify -CAfile root.crt -untrusted middle.crt -verify_hostname c.test leaf.crt";
        assert!(try_openssl(path, foreign).is_err());
        assert!(try_openssl(path, "verify -CAfile root.crt leaf.crt").is_err());
        let said = openssl(path, "x509 -in leaf.crt -noout -text -certopt no_sigdump,no_pubkey");
        for expected in [
            "DNS:a.test, DNS:*.b.test, IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1, email:x@y.test, URI:spiffe://z",
            "Issuer: CN = middle",
            "Subject: CN = leaf, emailAddress = a@b.test, DC = test",
            "CA:FALSE",
            "TLS Web Server Authentication, TLS Web Client Authentication",
            "Version: 3",
        ] {
            assert!(said.contains(expected), "no {expected} in\n{said}");
        }
        assert_eq!(
            parts[3],
            "{\"CN\":\"leaf\",\"emailAddress\":\"a@b.test\",\"DC\":\"test\"} {\"CN\":\"middle\"} \
             a.test,*.b.test,10.0.0.1,::1,x@y.test,spiffe://z 30 1 true"
        );
    }
}

#[tokio::test(flavor = "current_thread")]
async fn certificates_that_cannot_be() {
    let dir = keys();
    let key = format!("new crypto.PrivateKey({})", text(dir.path(), "p256.key"));
    let other = format!("new crypto.PrivateKey({})", text(dir.path(), "p384.key"));
    let mut all = Vec::new();
    for (options, expected) in [
        (
            "subject: { CN: 'x' }".to_owned(),
            "options.privateKey expects a PrivateKey",
        ),
        (
            format!("privateKey: {key}, publicKey: 1"),
            "options.publicKey expects a PublicKey or a PrivateKey",
        ),
        (
            format!("privateKey: {key}, issuer: {{}}"),
            "options.issuer expects a Certificate",
        ),
        (
            format!("privateKey: {key}, subject: 'x'"),
            "options.subject expects an object",
        ),
        (
            format!("privateKey: {key}, subject: {{ X: 'y' }}"),
            "cannot issue certificate: subject.X is unknown; write CN, O, OU, C, ST, L or an OID as dotted numbers",
        ),
        (
            format!("privateKey: {key}, subject: {{ C: 'China' }}"),
            "cannot issue certificate: subject.C 'China': a country has two letters",
        ),
        (
            format!("privateKey: {key}, extensions: {{ subjectAltName: 'x' }}"),
            "cannot issue certificate: extensions.subjectAltName 'x': write DNS:name, IP:address, email:address or URI:uri",
        ),
        (
            format!("privateKey: {key}, days: 1e9"),
            "cannot issue certificate: days and timeOffset end beyond what a certificate can say",
        ),
        (
            format!("privateKey: {key}, issuer: new crypto.Certificate({{ privateKey: {other} }})"),
            "options.privateKey is not the key of options.issuer, which has to sign",
        ),
        (
            "aliasType: 'sm2'".to_owned(),
            "options.aliasType 'sm2' is not supported: no SM2 keys are in this engine; use RSA or EC keys",
        ),
    ] {
        all.push((
            format!("new crypto.Certificate({{ {options} }})"),
            format!("throws {expected}"),
        ));
    }
    check_values(&rows(&all)).await;
}

/// The idiom of TLS-terminating proxies: a certificate for each name, made when it is asked for.
#[tokio::test(flavor = "current_thread")]
async fn a_certificate_for_each_name() {
    let dir = keys();
    let path = dir.path();
    let key = text(path, "p256.key");
    let script = format!(
        "((() => {{
           const key = new crypto.PrivateKey({key})
           const ca = new crypto.Certificate({{ subject: {{ CN: 'ca' }}, extensions: {{ basicConstraints: 'CA:TRUE' }}, privateKey: key }})
           const known = {{}}
           const certificate = name => known[name] ??= {{ key, cert: new crypto.Certificate({{
             subject: {{ CN: name }}, extensions: {{ subjectAltName: 'DNS:' + name }}, days: 7, issuer: ca, publicKey: key, privateKey: key }}) }}
           return pipy()
             .listen(PORT).acceptTLS({{ certificate }}).to('answer')
             .pipeline('answer').replaceData(d => d.size > 0 ? [new Data(ca.toPEM()), new StreamEnd] : null)
         }})())"
    );
    let served = serve(&script).await;
    let port = served.port;
    let client = |args: String| {
        let dir = path.to_owned();
        let args = format!("s_client -quiet -connect 127.0.0.1:{port} {args}");
        async move {
            let run = tokio::task::spawn_blocking(move || {
                use std::io::Write;
                let mut client = Command::new("openssl")
                    .args(args.split_whitespace())
                    .current_dir(dir)
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .spawn()
                    .expect("openssl is installed");
                client.stdin.as_mut().expect("piped").write_all(b"x").expect("it reads");
                client.wait_with_output().expect("ends").stdout
            });
            tokio::time::timeout(DEADLINE, run)
                .await
                .expect("in time")
                .expect("no panic")
        }
    };
    let ca = client("-servername any.test".to_owned()).await;
    std::fs::write(path.join("ca.crt"), &ca).expect("write");
    for name in ["one.test", "two.test", "one.test"] {
        let args = format!("-servername {name} -verify_hostname {name} -CAfile ca.crt -verify_return_error");
        assert_eq!(client(args).await, ca, "{name}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn signatures_of_openssl_and_ours() {
    let dir = keys();
    let path = dir.path();
    std::fs::write(path.join("message"), "what is signed").expect("write");
    let mut all = Vec::new();
    for (key, hash, name) in [
        ("rsa", "sha256", "RSA-SHA256"),
        ("rsa", "sha384", "sha384"),
        ("rsa", "sha512", "SHA512"),
        ("rsa", "sha1", "sha1"),
        ("p256", "sha256", "sha256"),
        ("p256", "sha384", "sha384"),
        ("p384", "sha384", "ecdsa-with-SHA384"),
        ("p521", "sha512", "sha512"),
    ] {
        openssl(path, &format!("dgst -{hash} -sign {key}.key -out signature message"));
        let signature = std::fs::read(path.join("signature")).expect("written");
        let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        let public = text(path, &format!("{key}.pub"));
        for (message, expected) in [("['what is', ' signed']", "true"), ("['other']", "false")] {
            all.push((
                format!(
                    "{message}.reduce((v, part) => v.update(part), new crypto.Verify('{name}')).verify(new crypto.PublicKey({public}), '{hex}', 'hex')"
                ),
                expected.to_owned(),
            ));
        }
        all.push((
            format!(
                "new crypto.Verify('{name}').update('what is signed').verify(new crypto.PublicKey({public}), new Data('x'))"
            ),
            "false".to_owned(),
        ));
    }
    let key = text(path, "p256.key");
    for (expression, expected) in [
        (
            "new crypto.Sign('md4')".to_owned(),
            "throws unknown signature algorithm 'md4'; known: sha1 (verified only), sha256, sha384, sha512",
        ),
        (
            "new crypto.Sign('sha256').sign(1)".to_owned(),
            "throws argument 1 expects a PrivateKey",
        ),
        (
            format!("new crypto.Sign('sha512').sign(new crypto.PrivateKey({key}))"),
            "throws this key does not sign with this hash; RSA takes sha256, sha384, sha512, P-256 sha256, P-384 sha384",
        ),
        (
            format!("new crypto.Sign('sha1').sign(new crypto.PrivateKey({key}))"),
            "throws signatures with SHA-1 are verified only, not made",
        ),
        (
            format!("new crypto.Sign('sha256').sign(new crypto.PrivateKey({key}), 'hex', {{ id: 'x' }})"),
            "throws options.id is for SM2 keys, which are not supported",
        ),
    ] {
        all.push((expression, expected.to_owned()));
    }
    check_values(&rows(&all)).await;

    for (key, hash) in [
        ("rsa", "sha256"),
        ("rsa", "sha512"),
        ("p256", "sha256"),
        ("p384", "sha384"),
    ] {
        let private = text(path, &format!("{key}.key"));
        let hex = value(&format!(
            "new crypto.Sign('{hash}').update('what is').update(' signed').sign(new crypto.PrivateKey({private}), 'hex')"
        ))
        .await;
        let bytes: Vec<u8> = (0..hex.len() / 2)
            .map(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).expect("hex"))
            .collect();
        std::fs::write(path.join("signature"), bytes).expect("write");
        openssl(
            path,
            &format!("dgst -{hash} -verify {key}.pub -signature signature message"),
        );
    }
}

/// RFC 7515 appendix A.1 to A.3.
const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const HS256: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const SECRET: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
const RS256: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const ES256: &str = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

#[tokio::test(flavor = "current_thread")]
async fn tokens_of_the_rfc() {
    let hs = format!("new crypto.JWT('eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{CLAIMS}.{HS256}')");
    let rs = format!("new crypto.JWT('eyJhbGciOiJSUzI1NiJ9.{CLAIMS}.{RS256}')");
    let es = format!("new crypto.JWT('eyJhbGciOiJFUzI1NiJ9.{CLAIMS}.{ES256}')");
    let secret = format!("new crypto.JWK({{ kty: 'oct', k: '{SECRET}' }})");
    let rsa = format!("new crypto.JWK({{ kty: 'RSA', n: '{MODULUS}', e: 'AQAB' }})");
    let ec = "new crypto.JWK({ kty: 'EC', crv: 'P-256', x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0' })";
    let mut all: Vec<(String, String)> = vec![
        (format!("{hs}.isValid"), "true".to_owned()),
        (
            format!("JSON.stringify({hs}.header)"),
            r#"{"typ":"JWT","alg":"HS256"}"#.to_owned(),
        ),
        (
            format!("JSON.stringify({hs}.payload)"),
            r#"{"iss":"joe","exp":1300819380,"http://example.com/is_root":true}"#.to_owned(),
        ),
        (
            format!("{hs}.verify(Data.from('{SECRET}', 'base64url'))"),
            "true".to_owned(),
        ),
        (format!("{hs}.verify('wrong')"), "false".to_owned()),
    ];
    for (token, right, wrong) in [
        (&hs, secret.as_str(), [&rsa, ec]),
        (&rs, &rsa, [&secret, ec]),
        (&es, ec, [&secret, &rsa]),
    ] {
        all.push((format!("{token}.verify({right})"), "true".to_owned()));
        wrong
            .iter()
            .for_each(|key| all.push((format!("{token}.verify({key})"), "false".to_owned())));
        let altered = token.replace(CLAIMS, "e30");
        all.push((format!("{altered}.isValid"), "true".to_owned()));
        all.push((format!("{altered}.verify({right})"), "false".to_owned()));
    }
    for (expression, expected) in [
        ("new crypto.JWT('').isValid", "false"),
        ("new crypto.JWT('a.b').isValid", "false"),
        ("new crypto.JWT('a.b.c.d').isValid", "false"),
        // RFC 7515 A.5: an unsecured token is well formed and never verified.
        ("new crypto.JWT('eyJhbGciOiJub25lIn0.e30.').isValid", "true"),
        ("new crypto.JWT('eyJhbGciOiJub25lIn0.e30.').verify('')", "false"),
        ("new crypto.JWT('x').header", "undefined"),
        ("new crypto.JWT('x').verify('y')", "false"),
        (
            "new crypto.JWT('x').verify(1)",
            "throws argument 1 expects a string, a Data, a JWK or a PublicKey",
        ),
        ("new crypto.JWK({ kty: 'oct' }).isValid", "false"),
        ("new crypto.JWK({ kty: 'oct', k: 1 }).isValid", "false"),
        (
            "new crypto.JWK({ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }).isValid",
            "false",
        ),
        ("new crypto.JWK({ kty: 'OKP' }).isValid", "false"),
        ("new crypto.JWK(1)", "throws argument 1 expects an object"),
    ] {
        all.push((expression.to_owned(), expected.to_owned()));
    }
    all.push((format!("{rsa}.isValid"), "true".to_owned()));
    check_values(&rows(&all)).await;
}

/// The two numbers of an ASN.1 signature side by side, each `len` bytes.
fn side_by_side(der: &[u8], len: usize) -> Vec<u8> {
    let start = if der[1] & 0x80 == 0 { 2 } else { 3 };
    let mut rest = &der[start..];
    let mut all = Vec::new();
    while let [2, size, tail @ ..] = rest {
        let (number, tail) = tail.split_at(usize::from(*size));
        let number = &number[number.len().saturating_sub(len)..];
        all.extend(vec![0; len - number.len()]);
        all.extend(number);
        rest = tail;
    }
    all
}

#[tokio::test(flavor = "current_thread")]
async fn tokens_signed_by_openssl() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let dir = keys();
    let path = dir.path();
    let mut all = Vec::new();
    for (algorithm, key, len) in [
        ("RS256", "rsa", 0),
        ("RS384", "rsa", 0),
        ("RS512", "rsa", 0),
        ("ES256", "p256", 32),
        ("ES384", "p384", 48),
        ("ES512", "p521", 66),
        ("HS384", "", 0),
        ("HS512", "", 0),
    ] {
        let header = URL_SAFE_NO_PAD.encode(format!("{{\"alg\":\"{algorithm}\"}}"));
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode("{\"sub\":\"x\"}"));
        std::fs::write(path.join("message"), &signed).expect("write");
        let hash = &algorithm[2..];
        let how = if key.is_empty() {
            "-hmac secret".to_owned()
        } else {
            format!("-sign {key}.key")
        };
        openssl(path, &format!("dgst -sha{hash} {how} -binary -out signature message"));
        let mut signature = std::fs::read(path.join("signature")).expect("written");
        if len > 0 {
            signature = side_by_side(&signature, len);
        }
        let token = format!("new crypto.JWT('{signed}.{}')", URL_SAFE_NO_PAD.encode(signature));
        if key.is_empty() {
            all.push((format!("{token}.verify('secret')"), "true".to_owned()));
            continue;
        }
        let public = text(path, &format!("{key}.pub"));
        all.push((format!("{token}.verify({public})"), "true".to_owned()));
        all.push((
            format!("{token}.verify(new crypto.PublicKey({public}))"),
            "true".to_owned(),
        ));
        let other = text(path, if key == "rsa" { "p256.pub" } else { "rsa.pub" });
        all.push((format!("{token}.verify({other})"), "false".to_owned()));
    }
    // The text of a public key is no secret.
    let public = std::fs::read_to_string(path.join("rsa.pub")).expect("written");
    let signed = format!("{}.e30", URL_SAFE_NO_PAD.encode("{\"alg\":\"HS256\"}"));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, public.as_bytes());
    let forged = URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, signed.as_bytes()));
    all.push((
        format!("new crypto.JWT('{signed}.{forged}').verify({})", text(path, "rsa.pub")),
        "false".to_owned(),
    ));
    check_values(&rows(&all)).await;
}
