// `new algo.Percentile(buckets)`: counts by bucket, and what a percentage of them is below. Source: pipyjs/globals.md
// section 6. Buckets are upper bounds, ascending; inside of one its values are taken as evenly spread.
() => class Percentile {
  constructor(buckets) {
    if (!Array.isArray(buckets) || buckets.length === 0) throw new TypeError('argument 1 expects an array of buckets')
    const bounds = buckets.map(Number)
    bounds.forEach((bound, i) => {
      if (Number.isNaN(bound)) throw new TypeError('a bucket expects a number')
      if (i > 0 && bound <= bounds[i - 1]) throw new Error('buckets are not in ascending order')
    })
    const counts = new Array(bounds.length).fill(0)
    let total = 0

    this.observe = n => {
      n = Number(n)
      for (let i = 0; i < bounds.length; i++) {
        if (n <= bounds[i]) {
          counts[i]++
          total++
          return
        }
      }
    }
    this.calculate = percent => {
      const rank = Math.min(Math.max(Number(percent), 0), 100) / 100 * total
      let before = 0
      for (let i = 0; i < bounds.length; i++) {
        if (counts[i] > 0 && before + counts[i] >= rank) {
          const low = i > 0 ? bounds[i - 1] : Math.min(0, bounds[0])
          // There is nothing to spread over up to infinity.
          return bounds[i] === Infinity ? low : low + (bounds[i] - low) * (rank - before) / counts[i]
        }
        before += counts[i]
      }
      return 0
    }
    this.reset = () => {
      counts.fill(0)
      total = 0
    }
  }
}
