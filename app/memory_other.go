//go:build !linux

package app

// dropProgramPages does nothing here.
func dropProgramPages() {}
