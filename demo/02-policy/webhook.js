// Admission webhook for admission.k8s.io/v1, as it would be written today: /validate denies what breaks the rules,
// /mutate sends images of Docker Hub to our mirror, and both warn about images that are not pinned by a digest.
//
// Rules are policy.json in the folder RULES (a mounted ConfigMap), read again every second; the key pair is tls.crt and
// tls.key in the folder CERTS (a mounted Secret).

var folder = os.env.RULES || '/etc/policy'
var certs = os.env.CERTS || '/etc/certs'
var identity = {
  cert: new crypto.CertificateChain(os.read(`${certs}/tls.crt`)),
  key: new crypto.PrivateKey(os.read(`${certs}/tls.key`)),
}

var text = ''
var rules = null

// What cannot be read or is no JSON changes nothing: the rules of before stay in force.
function refresh() {
  try {
    var now = os.read(`${folder}/policy.json`).toString()
    if (now === text) return
    text = now
    rules = JSON.parse(now)
    console.log('rules:', now)
  } catch (error) {
    console.error('the rules of before stay:', error.message)
  }
}

function watch() {
  refresh()
  return new Timeout(1).wait().then(watch)
}

// 'host:5000/team/app:1.2@sha256:...' → its parts; no registry is Docker Hub, no tag is latest.
function parse(image) {
  var [name, digest] = image.split('@')
  var slash = name.indexOf('/')
  var first = slash > 0 ? name.substring(0, slash) : ''
  var hasHost = first.includes('.') || first.includes(':') || first === 'localhost'
  var path = hasHost ? name.substring(slash + 1) : name
  var colon = path.lastIndexOf(':')
  return {
    registry: hasHost ? first : 'docker.io',
    path: colon >= 0 ? path.substring(0, colon) : path,
    tag: colon >= 0 ? path.substring(colon + 1) : 'latest',
    digest,
  }
}

// The containers of a Pod, or of what makes Pods, each with its place in the object (RFC 6901).
function containersOf(object) {
  var places = [
    [object?.spec?.jobTemplate?.spec?.template?.spec, '/spec/jobTemplate/spec/template/spec'],
    [object?.spec?.template?.spec, '/spec/template/spec'],
    [object?.spec, '/spec'],
  ]
  var [pod, at] = places.find(([spec]) => spec) || [{}, '']
  return ['initContainers', 'containers', 'ephemeralContainers'].flatMap(
    list => (pod[list] || []).map((container, i) => ({ image: container.image || '', at: `${at}/${list}/${i}/image` }))
  )
}

function warnings(containers) {
  return containers
    .filter(({ image }) => !parse(image).digest)
    .map(({ image }) => `image ${image} is not pinned by a digest`)
}

function validate(request) {
  var containers = containersOf(request.object)
  var objections = containers.flatMap(({ image }) => {
    var { registry, tag, digest } = parse(image)
    if (!rules.registries.includes(registry)) {
      return [`image ${image}: registry ${registry} is none of ${rules.registries.join(', ')}`]
    }
    if (!digest && rules.forbiddenTags.includes(tag)) {
      return [`image ${image}: the tag ${tag} is not allowed; name a version`]
    }
    return []
  })
  var allowed = objections.length === 0
  return {
    allowed,
    ...(allowed ? {} : { status: { code: 403, message: objections.join('; ') } }),
    warnings: warnings(containers),
  }
}

function mutate(request) {
  var containers = containersOf(request.object)
  var patch = containers.flatMap(({ image, at }) => {
    var { registry, path, tag, digest } = parse(image)
    if (!rules.mirror || registry !== 'docker.io') return []
    var value = `${rules.mirror}/${path}${digest ? '@' + digest : ':' + tag}`
    return [{ op: 'replace', path: at, value }]
  })
  if (patch.length === 0) return { allowed: true }
  return {
    allowed: true,
    patchType: 'JSONPatch',
    patch: new Data(JSON.stringify(patch)).toString('base64'),
    warnings: patch.map(({ value }) => `image is taken from ${value}`),
  }
}

var routes = { '/validate': validate, '/mutate': mutate }

function answer(status, body) {
  return new Message({ status, headers: { 'content-type': 'application/json' } }, JSON.encode(body))
}

function serve(message) {
  var path = message.head.path.split('?')[0]
  if (path === '/healthz') return answer(rules ? 200 : 503, { ready: Boolean(rules) })
  var decide = routes[path]
  if (!decide) return answer(404, { error: `no such path: ${path}` })
  try {
    var { request } = JSON.decode(message.body)
    var uid = request.uid
  } catch (error) {
    return answer(400, { error: 'not an AdmissionReview' })
  }
  var response = rules ? decide(request) : {
    allowed: false,
    status: { code: 500, message: 'the policy webhook has no rules yet' },
  }
  return answer(200, {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid, ...response },
  })
}

watch()

pipy.listen('0.0.0.0:' + (os.env.PORT || 8443), $ => $
  .acceptTLS({ certificate: identity }).to($ => $
    .demuxHTTP().to($ => $
      .replaceMessage(serve)
    )
  )
)
