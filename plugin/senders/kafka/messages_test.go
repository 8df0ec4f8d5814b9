package kafka

import (
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/binding/bindingtest"
)

const example = `{"brokers":["kafka-1.example.com:9092","kafka-2.example.com"],"topic":"registry-events"}`

func TestMessages(t *testing.T) { bindingtest.Golden(t, making(t), example) }

func TestHostileNames(t *testing.T) { bindingtest.Hostile(t, making(t), example) }
