// globals.md 2: XML.parse gives a root node with name '' and the document's element as child; null on error.
pipy().task().onStart(() => {
  var root = XML.parse('<order id="7"><item>tea</item><item>milk</item></order>')
  var order = root.children[0]
  println(root.name === '', order.name, order.attributes.id, order.children.map(c => c.children[0]).join())
  println(XML.stringify(new XML.Node('a', { b: 1 }, ['text'])), XML.parse('<a>'))
  return new StreamEnd
})
