// filters.md 3: timeout seconds opens the gate regardless.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .wait(() => false, { timeout: 0.05 })
