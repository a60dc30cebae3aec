//go:build gates

// Package gates pins the programs that tests judge the server by:
// script/bootstrap builds them from here.
package gates

import (
	_ "github.com/bojand/ghz/cmd/ghz"
	_ "github.com/grpc-ecosystem/grpc-health-probe"
	_ "github.com/summerwind/h2spec/cmd/h2spec"
	_ "google.golang.org/grpc/interop/client"
)
