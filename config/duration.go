package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration written with its unit, as "5s", "72h" or "3d".
type Duration time.Duration

// String writes d as it would be written in the file: 5m and not 5m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// parseDuration reads what [time.ParseDuration] does, and days before the rest of
// it: "3d", "1d12h". A negative one is an error, and so is a sign or a bare 0 behind the
// days.
func parseDuration(s string) (Duration, error) {
	days, rest, found := strings.Cut(s, "d")
	var sum time.Duration
	if found {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || strings.ContainsAny(days, "eExXpPiInN_") {
			return 0, errNoDuration(s)
		}
		ns := n * 24 * float64(time.Hour)
		if math.Abs(ns) >= math.MaxInt64 {
			return 0, fmt.Errorf("%q is longer than 292 years: write a shorter time", s)
		}
		sum = time.Duration(ns)
	} else {
		rest = s
	}
	if found && rest != "" && (rest == "0" || rest[0] == '+' || rest[0] == '-') {
		return 0, errNoDuration(s)
	}
	if rest != "" || !found {
		d, err := time.ParseDuration(rest)
		switch {
		case err == nil:
		case isDigits(s):
			return 0, fmt.Errorf("%s has no unit: write %ss, %sm, %sh or %sd", s, s, s, s, s)
		default:
			return 0, errNoDuration(s)
		}
		if sum > 0 && d > math.MaxInt64-sum {
			return 0, fmt.Errorf("%q is longer than 292 years: write a shorter time", s)
		}
		sum += d
	}
	if sum < 0 || strings.HasPrefix(s, "-") {
		return 0, fmt.Errorf("%q is negative: write a time of 0s or more", s)
	}
	return Duration(sum), nil
}

func errNoDuration(s string) error {
	return fmt.Errorf("%q is no length of time: write it like 5s, 10m, 72h or 3d", s)
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789.") == ""
}
