package store

import "testing"

// The mode that counts is the target's at the claim, also for what was handed over before
// it changed.
func TestShadowOfWhatIsHandedOver(t *testing.T) {
	s := open(t, temp(t))
	for i, shadow := range []bool{false, true, false} {
		if err := s.Targets(t.Context(), map[string]Target{"ci": {Shadow: shadow}}); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			if cs := claim(t, s, "ci", 1); len(cs) != 1 || cs[0].Shadow != shadow {
				t.Fatalf("shadow %t: claimed %+v", shadow, cs)
			}
		}
		accept(t, s, push([]string{"n1", "n2", "n3"}[i], "a", "ci"))
	}
}
