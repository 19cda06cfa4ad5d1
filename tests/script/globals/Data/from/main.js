// pipyjs/globals.md section 3: Data.from(string, encoding) gives Data, or null for malformed text.
println(Data.from('6162', 'hex').toString(), Data.from('YWI=', 'base64').toString(), Data.from('YWI', 'base64url').toString())
println(Data.from('616', 'hex'), Data.from('zz', 'hex'), Data.from('***', 'base64'), Data.from('+/', 'base64url'))
println(Data.from('ab').toString(), Data.from('', 'hex').size)
