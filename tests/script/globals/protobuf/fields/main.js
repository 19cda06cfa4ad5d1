// globals.md 12: new protobuf.Message(data?), getString(n), setInt32(n, v), ... for all scalar types, Array variants, getMessage,
// getWireType; protobuf.encode, decode. Bytes: the examples of protobuf.dev's page "Encoding", and its tables.
pipy().task().onStart(() => {
  var hex = text => Data.from(text.replaceAll(' ', ''), 'hex')
  var message = () => new protobuf.Message
  var sent = message => protobuf.encode(message).toString('hex')
  println(sent(message().setInt32(1, 150)), protobuf.decode(hex('08 96 01')).getInt32(1))
  println(sent(message().setString(2, 'testing')), new protobuf.Message(hex('12 07 74657374696e67')).getString(2))
  println(sent(message().setMessage(3, message().setInt32(1, 150))), protobuf.decode(hex('1a 03 089601')).getMessage(3).getInt32(1))
  println(sent(message().setInt32Array(6, [3, 270, 86942])), protobuf.decode(hex('32 06 03 8e02 9ea705')).getInt32Array(6).join(' '))
  println(protobuf.decode(hex('30 03 30 8e02')).getInt32Array(6).join(' '), protobuf.decode(hex('30 03 30 8e02')).getInt32(6))
  println(sent(message().setInt32(1, -2)), sent(message().setSint32(1, -2)), sent(message().setBool(1, true)))
  println(sent(message().setFixed32(1, 1)), sent(message().setDouble(1, 1)), sent(message().setFloat(1, -1)))
  println(sent(message().setSfixed64(1, -1)), sent(message().setBytes(1, new Data([0, 255]))), sent(message().setStringArray(1, ['a', ''])))
  var all = protobuf.decode(hex('08 ffffffffffffffffff01 11 000000000000f03f 1d 000080bf 22 00'))
  println(all.getInt64(1), all.getInt32(1), all.getSint64(1).toString(), all.getUint64(1).toString(), all.getBool(1), all.getDouble(2), all.getFloat(3))
  println([1, 2, 3, 4, 5].map(n => all.getWireType(n)).join(' '), JSON.stringify([all.getString(9), all.getInt32(9), all.getMessage(9)]))
  // What an inner message is told is sent with the outer one; what is set to nothing is not sent.
  var outer = protobuf.decode(hex('1a 03 089601 20 01'))
  outer.getMessage(3).setInt32(1, 1)
  println(sent(outer.setInt32(4, null)))
  return new StreamEnd
})
