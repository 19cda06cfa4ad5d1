//
// A copy of the request goes to another backend; what that answers is of no interest
//

export default function ({ backendRef, percent = 100 }, conf) {
  var backend = conf.backends[backendRef.name]

  return pipeline($ => $
    .fork(Math.random() * 100 < percent ? [backend] : []).to($ => $
      .handleMessageStart(({ head }) => {
        head.headers = { ...head.headers, 'x-mirrored': 'true' }
      })
      .muxHTTP(() => backend.targets[0]).to($ => $
        .connect(() => backend.targets[0].address)
      )
    )
    .pipeNext()
  )
}
