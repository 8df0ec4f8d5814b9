package config

// For the tests of the schema, which stand outside since they know the whole program.

const (
	NamePattern = namePattern
	SumPattern  = sumPattern
)

var (
	Guarded       = GuardedTypes
	Defaults      = defaults
	DefaultTarget = defaultTarget
	DefaultRule   = defaultRule
	BadConfigs    = badConfigs
)
