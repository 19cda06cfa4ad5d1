#!/usr/bin/env -S ballast run
/*
 * Classic at heart, with a library of modules: the pipelines are chained, the helpers are imported.
 */
import { compile, counted as stat } from './lib/routes.js'
import defaults, * as lib from '/lib/index.js'

var config = YAML.decode(pipy.load('config.yaml'))
var plugins = pipy.list('plugins').filter(f => f.endsWith('.js') && !f.endsWith('.json.js')).map(f => f.substring(0, f.length - 3)).sort()

function pluginPath(name) {
  if (plugins.indexOf(name) < 0) throw new Error('no plugin ' + name)
  return 'plugins/' + name + '.js'
}

var routes = compile(config.routes, pluginPath)

pipy({
  _route: null,
})
  .export('mixed', {
    __params: null,
    __user: 'nobody',
  })

  .listen(config.listen)
  .demuxHTTP().to($ => $
    .handleMessageStart(
      function (msg) {
        _route = routes(msg.head.path)
        stat(_route.plugin)
        __params = { ...defaults, ..._route.params }
        __user = msg.head.headers['x-user'] ?? __user
      }
    )
    .branch(
      ...plugins.map(name => [() => _route.plugin === name, $ => $.use(pluginPath(name))]).flat(),
      $ => $.replaceMessage(new Message({ status: 500 }, 'no such plugin'))
    )
    .handleMessageStart(
      msg => {
        var head = msg.head
        if (!head.headers) head.headers = {}
        head.headers['x-plugin'] = _route.plugin
        switch (_route.plugin) {
          case 'hello': head.headers['x-kind'] = 'greeting'; break
          default: head.headers['x-kind'] = lib.kindOf(_route.plugin)
        }
      }
    )
  )

  .listen(Number(config.listen) + 1)
  .serveHTTP(
    function (req) {
      try {
        var path = req.head.path
        if (path === '/stats') return new Message(JSON.stringify(lib.stats()))
        if (path === '/text') return new Message(config.text)
        if (path === '/types') return new Message(JSON.encode([typeof config.listen, config.admin, plugins]))
        if (path === '/late') return new Promise(resolve => new Timeout(0.05).wait().then(() => resolve(new Message('late'))))
        for (var i = 0; i < 3; i++) {
          if (path === '/' + i) return new Message(String(i * i))
        }
        throw new Error('cannot serve ' + path)
      } catch (e) {
        return new Message({ status: 500, headers: { 'content-type': 'text/plain' } }, e.message)
      } finally {
        stat('serveHTTP')
      }
    }
  )
