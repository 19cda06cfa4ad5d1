//
// Keys and certificates, kept as PEM files in a folder
//

var pem = (dir, name) => os.path.join(dir, name)

function save(dir, name, { cert, key }) {
  os.write(pem(dir, `${name}.crt`), cert.toPEM())
  os.write(pem(dir, `${name}.key`), key.toPEM())
}

export function load(dir, name) {
  return {
    cert: new crypto.Certificate(os.read(pem(dir, `${name}.crt`))),
    key: new crypto.PrivateKey(os.read(pem(dir, `${name}.key`))),
  }
}

export function trusted(dir) {
  return [new crypto.Certificate(os.read(pem(dir, 'ca.crt')))]
}

function issue(dir, name, extensions, days = 7) {
  var ca = load(dir, 'ca')
  var key = new crypto.PrivateKey({ type: 'rsa', bits: 2048 })
  var cert = new crypto.Certificate({
    subject: { CN: name, O: 'mesh' },
    extensions,
    days,
    timeOffset: -60,
    issuer: ca.cert,
    publicKey: new crypto.PublicKey(key),
    privateKey: ca.key,
  })
  save(dir, name, { cert, key })
  return cert
}

export function init(dir, days) {
  if (os.stat(pem(dir, 'ca.crt'))) throw new Error(`there is a CA in ${dir} already`)
  os.mkdir(dir, { recursive: true, force: true })
  var key = new crypto.PrivateKey({ type: 'rsa', bits: 2048 })
  var cert = new crypto.Certificate({
    subject: { CN: 'mesh-ca' },
    extensions: { basicConstraints: 'critical,CA:TRUE', keyUsage: 'critical,keyCertSign,cRLSign' },
    days,
    timeOffset: -60,
    publicKey: new crypto.PublicKey(key),
    privateKey: key,
  })
  save(dir, 'ca', { cert, key })
  var hub = issue(dir, 'hub', { subjectAltName: 'DNS:hub,DNS:localhost,IP:127.0.0.1' })
  println('subject', hub.subject.commonName || hub.subject.CN, 'issuer', hub.issuer.commonName || hub.issuer.CN)
  println('names', hub.subjectAltNames.join(' '))
  println('valid', hub.notBefore < Date.now() && hub.notAfter > Date.now())
  return 0
}

export function invite(dir, name) {
  if (!name) throw new Error('an agent needs a name')
  issue(dir, name, { subjectAltName: `DNS:${name}` })
  println('invited', name)
  return 0
}
