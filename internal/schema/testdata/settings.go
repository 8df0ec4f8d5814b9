// Package testdata has the comments and constants of the types in the test.
package testdata

import "time"

// Mode is how something goes.
type Mode string

// The modes that there are.
const (
	Fast Mode = "fast"
	Slow Mode = "slow"
)

// Settings are what people write in YAML.
type Settings struct {
	Name string        `yaml:"name" jsonschema:"required"`
	Wait time.Duration `yaml:"wait"` // [Settings.Name] waits so long
	// Parts come after [Settings.Wait].
	Parts []int `yaml:"parts"`
}
