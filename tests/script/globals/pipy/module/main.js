// pipyjs/model.md 1.5.3: import and export; bindings are live; pipy.import() is relative to the calling file.
import count, { n, sum as plus } from './lib/count.js'
import * as all from '/lib/count.js'

println(n, count(), count(), n, all.n)
println(plus(1, 2))
println(pipy.import('./lib/more.js').words().join(' '))
