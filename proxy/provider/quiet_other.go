//go:build !unix

package provider

import "net"

// probe cannot look here; a connection that has ended shows when it is used.
type probe struct{}

func (*probe) of(net.Conn) {}

func (*probe) quiet() bool { return true }
