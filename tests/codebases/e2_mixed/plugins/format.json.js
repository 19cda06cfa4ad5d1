({ format: date => `${date.getUTCFullYear()}-${(date.getUTCMonth() + 1).toString().padStart(2, '0')}` })
