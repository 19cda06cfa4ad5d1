({ value: 40 + 2 })
