pipy()
.pipeline()
.replaceMessage(new Message({ status: 502 }, 'nobody serves this'))
