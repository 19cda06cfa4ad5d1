// Admission webhook, in the script style of 2021: images must come from our registries, and never be ":latest".
//
// Rules are policy.json in the folder RULES (a mounted ConfigMap); it is read again every second, so an edit of the
// ConfigMap is in force without a restart. The key pair is tls.crt and tls.key in the folder CERTS (a mounted Secret).
((
  folder = os.env.RULES || '/etc/policy',
  certs = os.env.CERTS || '/etc/certs',

  policy = { text: '', rules: null },

  // What cannot be read or is no JSON changes nothing: the rules of before stay in force.
  refresh = () => (
    ((
      text = os.stat(folder + '/policy.json') ? os.readFile(folder + '/policy.json').toString() : policy.text,
      rules = text === policy.text ? null : invoke(() => JSON.parse(text), null),
    ) => (
      text !== policy.text && (
        policy.text = text,
        rules ? console.log('rules:', text) : console.error('policy.json is no JSON; the rules of before stay'),
        rules && (policy.rules = rules)
      )
    ))()
  ),

  // 'host:5000/team/app:1.2@sha256:...' → { registry, tag, pinned }; no registry is Docker Hub, no tag is latest.
  parse = image => (
    ((
      name = image.split('@')[0],
      slash = name.indexOf('/'),
      first = slash > 0 ? name.substring(0, slash) : '',
      registry = first.indexOf('.') >= 0 || first.indexOf(':') >= 0 || first === 'localhost' ? first : 'docker.io',
      last = name.substring(name.lastIndexOf('/') + 1),
      colon = last.indexOf(':'),
    ) => ({
      registry,
      tag: colon >= 0 ? last.substring(colon + 1) : 'latest',
      pinned: image.indexOf('@') >= 0,
    }))()
  ),

  // The containers of a Pod, or of what makes Pods.
  podOf = object => object.spec?.jobTemplate?.spec?.template?.spec || object.spec?.template?.spec || object.spec || {},
  containersOf = pod => [].concat(pod.initContainers || [], pod.containers || [], pod.ephemeralContainers || []),

  objection = image => (
    ((
      parts = parse(image),
      rules = policy.rules,
    ) => (
      rules.registries.indexOf(parts.registry) < 0 ? (
        `image ${image}: registry ${parts.registry} is none of ${rules.registries.join(', ')}`
      ) : !parts.pinned && rules.forbiddenTags.indexOf(parts.tag) >= 0 ? (
        `image ${image}: the tag ${parts.tag} is not allowed; name a version`
      ) : ''
    ))()
  ),

  verdict = request => (
    policy.rules ? (
      ((
        objections = containersOf(podOf(request.object || {})).map(c => objection(c.image || '')).filter(text => text),
      ) => (
        objections.length > 0 ? (
          { uid: request.uid, allowed: false, status: { code: 403, message: objections.join('; ') } }
        ) : (
          { uid: request.uid, allowed: true }
        )
      ))()
    ) : (
      { uid: request.uid, allowed: false, status: { code: 500, message: 'the policy webhook has no rules yet' } }
    )
  ),

  answer = (status, text) => new Message({ status, headers: { 'content-type': 'application/json' } }, text),

  review = message => (
    ((
      body = invoke(() => JSON.decode(message.body), null),
    ) => (
      body?.request?.uid ? (
        answer(200, JSON.stringify({
          apiVersion: body.apiVersion,
          kind: 'AdmissionReview',
          response: verdict(body.request),
        }))
      ) : (
        answer(400, '{"error":"not an AdmissionReview"}')
      )
    ))()
  ),

) => (
  refresh(),

  pipy()

  .listen('0.0.0.0:' + (os.env.PORT || 8443), {
    tls: {
      cert: os.readFile(certs + '/tls.crt'),
      key: os.readFile(certs + '/tls.key'),
    },
  })
  .decodeHttpRequest()
  .replaceMessage(message => review(message))
  .encodeHttpResponse()

  .task('1s')
  .onStart(() => (refresh(), new StreamEnd))
))()
