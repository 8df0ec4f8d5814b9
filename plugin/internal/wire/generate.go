package wire

// Needs protoc 3.21 or later (Debian: protobuf-compiler); its two Go plugins are
// tools of this module.
//go:generate sh generate.sh
