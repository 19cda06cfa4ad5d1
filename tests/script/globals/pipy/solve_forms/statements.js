var a = 1
if (a) a++
a * 10
