((
  config = JSON.decode(pipy.load('config.json')),
  { sessions, topics } = pipy.solve('broker.js'),
  redis = pipy.solve('redis.js'),
  wsLogger = new logging.TextLogger('websocket').toFile('websocket.log').log,
) => pipy({
  _session: null,
  _subscriptions: null,
  _pid: 0,
  _outbox: null,
  _command: null,
  _route: '',
  _db: null,
  _service: '',
  _version: '',
  _room: null,
})

// ---- MQTT: a broker in front of nothing

.listen(config.mqtt)
.decodeMQTT()
.handleMessageStart(
  ({ head }) => head.type === 'CONNECT' && console.log('mqtt level', head.protocolLevel)
)
.demux({
  outputCount: ({ head }) => head.type === 'PUBLISH' && !head.qos ? 0 : 1,
}).to(
  $=>$.replaceMessage(
    ({ head, body, tail, payload }) => (
      ({
        CONNECT: () => (
          _session = sessions.get(payload.clientID),
          payload.username && payload.username !== 'guest' ? (
            [new Message({ type: 'CONNACK', reasonCode: 5 }), new StreamEnd]
          ) : (
            new Message({ type: 'CONNACK', sessionPresent: 0, reasonCode: 0 })
          )
        ),
        PINGREQ: () => new Message({ type: 'PINGRESP' }),
        SUBSCRIBE: () => (
          new Message(
            { type: 'SUBACK', packetIdentifier: head.packetIdentifier },
            null, null,
            payload.topicFilters.map(t => topics.subscribe(t.filter, t.qos))
          )
        ),
        PUBLISH: () => (
          topics.publish(head.topicName, body.toString()),
          head.qos > 0 ? new Message({ type: 'PUBACK', packetIdentifier: head.packetIdentifier, reasonCode: 0 }) : null
        ),
        DISCONNECT: () => new StreamEnd,
      })[head.type]?.()
    )
  )
)
.encodeMQTT()

// ---- Redis: reads from the cache, writes to the script's own table, everything else goes to the server

.listen(config.redis)
.decodeRESP()
.demux().to(
  $=>$
  .replaceMessage(
    msg => (
      _command = msg.payload.map(x => x.toString()),
      _route = _command[0].toUpperCase(),
      msg
    )
  )
  .branch(
    () => _route in redis.commands, (
      $=>$.replaceMessage(
        () => new Message(null, null, null, redis.commands[_route](..._command.slice(1)))
      )
    ), (
      $=>$
      .mux(() => config.redisServer).to(
        $=>$
        .encodeRESP()
        .connect(() => config.redisServer)
        .decodeRESP()
      )
    )
  )
)
.encodeRESP()

.listen(config.redisBackend)
.decodeRESP()
.demux().to(
  $=>$.replaceMessage(
    msg => new Message(null, null, null, msg.payload)
  )
)
.encodeRESP()

// ---- Dubbo: routed by service name, answered here

.listen(config.dubbo)
.decodeDubbo()
.demux().to(
  $=>$
  .replaceMessage(
    ({ head, body }) => (
      (args => (
        _service = args[1],
        console.log('dubbo', args[0], args[1], args[3]),
        head.isEvent ? new Message({ ...head, isRequest: false, status: 20 }, Hessian.encode(null)) :
        new Message(
          { requestID: head.requestID, isRequest: false, isTwoWay: false, status: 20, serializationType: head.serializationType },
          Hessian.encode(1).push(Hessian.encode(`${args[3]} of ${args[1]}`))
        )
      ))(Hessian.decode(body))
    )
  )
)
.encodeDubbo()

// ---- WebSocket: every line said is logged and answered

.listen(config.ws)
.demuxHTTP().to(
  $=>$
  .branch(
    () => true, (
      $=>$.acceptHTTPTunnel(
        msg => msg.head.headers.upgrade === 'websocket' ? new Message({
          status: 101,
          headers: {
            connection: 'Upgrade',
            upgrade: 'websocket',
            'sec-websocket-accept': new crypto.Hash('sha1')
              .update(msg.head.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11')
              .digest('base64')
          }
        }) : new Message({ status: 426 }, 'websocket only')
      ).to(
        $=>$
        .decodeWebSocket()
        .replaceMessage(
          msg => (
            wsLogger(`[${msg.head.opcode}]`, msg.body.toString()),
            msg.head.opcode === 9 ? new Message({ opcode: 10 }, msg.body) :
            msg.head.opcode === 8 ? [new Message({ opcode: 8 }, msg.body), new StreamEnd] :
            new Message({ opcode: msg.head.opcode }, `${pipy.inbound.count > 0}:${msg.body.toString().toUpperCase()}`)
          )
        )
        .encodeWebSocket()
      )
    )
  )
)

)()
