#!/usr/bin/env -S ballast run

//
// A mesh of agents behind NAT that meet at a hub.
//
//   mesh ca <dir>                      make a CA and certificates for the hub
//   mesh invite <dir> <name>           make a certificate for an agent
//   mesh hub <dir> <address>           run the hub
//   mesh agent <dir> <name> <address>  run an agent
//

import options from './options.js'
import * as pki from './pki.js'
import runHub from './hub/main.js'
import runAgent from './agent/main.js'

var commands = {
  ca: ({ args: [dir], days = '30' }) => pki.init(dir, Number.parseInt(days)),
  invite: ({ args: [dir, name] }) => pki.invite(dir, name),
  hub: ({ args: [dir, address] }) => runHub(dir, address),
  agent: ({ args: [dir, name, address], api, retry = '0.3' }) => runAgent({ dir, name, address, api, retry: Number.parseFloat(retry) }),
}

function fail(message) {
  println('mesh:', message)
  pipy.exit(64)
}

try {
  var argv = options(pipy.argv.slice(1), { shorthands: { '-d': '--days' } })
  var name = argv.args.shift()
  var command = commands[name]
  if (!name) fail('no command')
  else if (!command) fail(`unknown command ${name}`)
  else Promise.resolve(command(argv)).then(
    code => { if (typeof code === 'number') pipy.exit(code) }
  ).catch(
    e => fail(e.message || e)
  )
} catch (e) {
  fail(e.message || e)
}
