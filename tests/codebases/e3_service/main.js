#!/usr/bin/env -S pipy --args
// A service of notes as one program: `serve` runs it, the other commands talk to it.
import parse from './lib/options.js'
import router from './lib/router.js'
import json, { text } from './lib/reply.js'
import * as store from './lib/store.js'
import * as token from './lib/token.js'
import chat from './lib/chat.js'

var settings = YAML.decode(pipy.load('settings.yaml'))
var $request
var SECRET = os.env.NOTES_SECRET || 'not very secret'

var commands = { serve, list, put, show, wait, forms }

try {
  var { words, options } = parse(pipy.argv, { '--data': 'string', '--ticks': 'number', '--verbose': 'flag', '-t': 'string' })
  var command = commands[words[0]]
  if (!command) throw `unknown command ${words[0]}`
  command(...words.slice(1))
} catch (e) {
  println('error:', e.message || e)
  pipy.exit(2)
}

function serve() {
  store.setup(options.data || '/tmp/notes')
  var files = new http.Directory('/www')
  var user = req => {
    var u = token.check(req.head.headers.authorization, SECRET)
    if (!u) throw { status: 401, message: 'who are you' }
    return u
  }
  var may = (req, role) => {
    var u = user(req)
    if (u.roles.indexOf(role) < 0) throw { status: 403, message: `${u.name} is no ${role}` }
    return u
  }
  var body = req => {
    var type = (req.head.headers['content-type'] || '').split(';')[0]
    switch (type) {
      case 'application/yaml': return YAML.decode(req.body)
      case 'application/xml':
      case 'text/xml':
        var node = XML.decode(req.body)?.children?.[0]
        if (!node) throw { status: 400, message: 'bad xml' }
        return { kind: node.name, ...node.attributes, text: node.children.filter(c => typeof c === 'string').join('') }
      case 'application/x-www-form-urlencoded': return new URLSearchParams(req.body.toString()).toObject()
      default:
        try { return JSON.decode(req.body) } catch { throw { status: 400, message: 'bad json' } }
    }
  }
  var api = router({
    '/api/login': {
      POST: (_, req) => {
        var { name, password } = body(req)
        var found = settings.users.find(u => u.name === name)
        if (!found || password !== name + '!') throw { status: 403, message: 'wrong password' }
        return json(200, { token: token.issue({ name, roles: found.roles, exp: Math.floor(Date.now() / 1000) + 60 }, SECRET) })
      },
    },
    '/api/notes': { GET: () => json(200, store.list()) },
    '/api/notes/{id}': {
      GET: ({ id }) => json(200, store.get(id)),
      PUT: ({ id }, req) => { var by = may(req, 'writer').name; store.put(id, { by, ...body(req) }); return json(201, { id }) },
      DELETE: ({ id }, req) => { may(req, 'admin'); store.remove(id); return new Message({ status: 204 }) },
    },
    '/api/proxy/*': {
      GET: p => new http.Agent('127.0.0.1:8000').request('GET', '/api/' + p['*']).then(r => json(r.head.status, { via: JSON.decode(r.body) })),
    },
    '/api/down': { GET: () => new http.Agent('127.0.0.1:8999', { retryCount: 1 }).request('GET', '/').catch(r => json(502, { why: r.head.statusText })) },
    '/api/slow/{ms}': { GET: p => new Timeout(p.ms / 1000).wait().then(() => text(200, 'slept ' + p.ms)) },
    '/api/either': {
      GET: () => Promise.any([new Timeout(0.2).wait().then(() => 'slow'), Promise.reject('bad'), new Timeout(0.01).wait().then(() => 'quick')]).then(w => text(200, w)),
    },
    '/api/sql': { GET: () => { var db = sqlite('x.db'); db.exec('SELECT 1'); return text(200, 'rows') } },
    '/api/counts': { GET: () => json(200, store.counts()) },
    '/api/about': { GET: () => json(200, { name: settings.service.name, motd: settings.motd.split('\n')[0], threads: pipy.thread.concurrency, version: typeof pipy.version.tag }) },
    '/api/quit/{code}': { POST: p => { new Timeout(0.05).wait().then(() => pipy.exit(p.code | 0)); return text(202, 'bye') } },
    '/api/boom': { GET: () => undefined.x, POST: () => Promise.reject(new Error('late boom')) },
    '/api/*': { GET: p => json(404, { error: 'no such call', path: p['*'] }) },
  })

  pipy.listen(settings.service.listen, $ => $
    .demuxHTTP({ bufferSize: 1000 }).to($ => $
      .handleMessageStart(m => { $request = m.head; store.count('requests') })
      .pipe(e => e instanceof MessageStart ? ($request.path.startsWith('/chat/') ? 'chat' : 'http') : null, {
        chat,
        http: $ => $.replaceMessage(req => api(req) || files.serve(req) || text(404, 'not here')),
      })
    )
  )
  if (pipy.thread.id === 0) tick(options.ticks || 3)
  pipy.exit(() => new Timeout(0.01).wait().then(() => os.write(os.path.join(options.data, 'last'), 'graceful')))
}

function tick(n) {
  if (n > 0) return new Timeout(0.02).wait().then(() => { store.count('ticks'); return tick(n - 1) })
}

function request(method, path, body) {
  var headers = options.t ? { authorization: 'Bearer ' + options.t } : {}
  return new http.Agent(settings.service.listen).request(method, path, headers, body).then(r => {
    if (r.head.status >= 400) throw `${r.head.status} ${JSON.decode(r.body).error}`
    return r.body.size ? JSON.decode(r.body) : null
  })
}

function done(p) {
  p.then(() => pipy.exit(0)).catch(e => { println('error:', e.message || e); pipy.exit(1) })
}

function list() {
  done(request('GET', '/api/notes').then(names => names.forEach(n => println('-', n))))
}

function put(id, title) {
  done(request('PUT', '/api/notes/' + id, JSON.stringify({ title })).then(r => println('stored', r.id)))
}

function show(id) {
  done(request('GET', '/api/notes/' + id).then(n => println(Object.entries(n).map(([k, v]) => `${k}=${v}`).join(' '))))
}

function wait(seconds) {
  var timer = new Timeout(60)
  new Timeout(Number(seconds)).wait().then(() => timer.cancel())
  timer.wait().then(() => println('due'), t => { println('cancelled', t === timer); pipy.exit(3) })
}

function forms() {
  println('a', 1, true, null, undefined)
  println(new Data('raw'), 'text', [1, 'x'].length)
  console.log('plain', { a: 1, b: 'x' }, [1, 'y'], null)
  console.warn('careful')
  console.error('wrong', new Data('ab'))
  pipy.exit(0)
}
