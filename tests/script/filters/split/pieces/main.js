// filters.md 3: outputs one message (MS without head, Data, ME) per piece, separator removed. A last piece without
// separator ends at ME or SE.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .split('--')
  .replaceMessage(msg => new Data('<' + msg.body + '>'))
