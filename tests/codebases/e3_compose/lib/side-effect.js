var ran = true
