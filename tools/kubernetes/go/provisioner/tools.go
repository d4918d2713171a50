//go:build tools

// Package tools names the command that is built from this module: it makes volumes of a node's directories.
// It is a module of its own because it spells one of its dependencies otherwise than Kubernetes does; their
// versions are the same there, so most of what it needs has been compiled already.
package tools

import _ "github.com/rancher/local-path-provisioner"
