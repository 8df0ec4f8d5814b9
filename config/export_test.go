package config

// For the tests of the schema, which stand outside since they know the whole program.

const (
	NamePattern  = namePattern
	SumPattern   = sumPattern
	ScopePattern = scopePattern
)

var (
	Guarded       = GuardedTypes
	Defaults      = defaults
	DefaultTarget = defaultTarget
	DefaultRule   = defaultRule
	DefaultOIDC   = defaultOIDC
	Roles         = roles
	BadConfigs    = badConfigs
	BadAccess     = badAccess
)
