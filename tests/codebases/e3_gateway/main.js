#!/usr/bin/env -S ballast run

//
// A small implementation of the Gateway API. Resources are read from config/resources.json; whenever that folder
// changes, listeners are opened, replaced and closed without dropping established connections.
//

import { load } from './resources.js'
import { info, failure } from './log.js'
import * as listeners from './listeners.js'
import checkBackends from './health.js'
import admin from './admin.js'

var opened = {}
var generation = 0

function open(conf) {
  var wanted = listeners.plan(conf)

  Object.entries(opened).forEach(
    ([key, { port, protocol }]) => {
      if (key in wanted) return
      delete opened[key]
      pipy.listen(port, protocol, null)
      info('closed', { port, protocol })
    }
  )

  Object.entries(wanted).forEach(
    ([key, l]) => {
      try {
        pipy.listen(l.port, l.protocol, l.options, listeners.build(l, conf))
        if (!opened[key]) info('opened', { port: l.port, protocol: l.protocol })
        opened[key] = l
      } catch (e) {
        failure('cannot open', { port: l.port, error: e.message || e })
      }
    }
  )

  generation++
}

function reload() {
  try {
    var conf = load()
    open(conf)
    checkBackends(conf.backends)
  } catch (e) {
    failure('bad configuration, the old one stays', { error: e.message || String(e) })
  }
}

function watch() {
  pipy.watch('config/').then(files => {
    info('changed', { files: files.join() })
    reload()
    watch()
  })
}

reload()
watch()

pipy.listen('127.0.0.1:9901', admin(() => ({ generation, ports: Object.keys(opened) })))

pipy.exit(() => {
  info('bye', { generation })
  return new Timeout(0.05).wait()
})
