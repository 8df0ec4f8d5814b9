package adapters

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// DecodeFault makes an [Unreadable] error of what the decoder says of a body that
// [Scan] let through: which value is wrong, and what belongs there.
func DecodeFault(err error) error { return DecodeFaultAt("", err) }

// DecodeFaultAt is [DecodeFault] of the part of a body that is at pointer.
func DecodeFaultAt(pointer string, err error) error {
	var wrong *json.SemanticError
	if !errors.As(err, &wrong) {
		return Unreadablef("%v", err)
	}
	at := Quote(pointer + string(wrong.JSONPointer))
	if wrong.Err != nil {
		return Unreadablef("wrong value at %s: %v", at, wrong.Err)
	}
	return Unreadablef("wrong value at %s: %s where %s belongs", at, KindName(wrong.JSONKind), kindOf(wrong.GoType))
}

// KindName says for people which kind of value k begins.
func KindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "true or false"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '[':
		return "a list"
	case '{':
		return "an object"
	}
	return fmt.Sprintf("%q", k)
}

// kindOf says for people which kind of value goes into a Go type.
func kindOf(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}
