//go:build tools

// Package main: what is built beside websocket.go, so that go.mod keeps its versions.
package main

import (
	_ "github.com/summerwind/h2spec/cmd/h2spec"
	_ "google.golang.org/grpc/interop/client"
	_ "google.golang.org/grpc/interop/server"
)
