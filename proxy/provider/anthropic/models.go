package anthropic

import (
	"strconv"
	"strings"
)

// version is the generation of a Claude model: 4, 6 for claude-opus-4-6. A name is claude-FAMILY-MAJOR-MINOR, or the older
// claude-MAJOR-MINOR-FAMILY, with a date or a platform's marks around it. ok is false for any other name.
func version(model string) (major, minor int, ok bool) {
	_, rest, found := strings.Cut(model, "claude-")
	if !found {
		return 0, 0, false
	}
	rest, _, _ = strings.Cut(rest, "@") // Vertex puts the date there
	var numbers []int
	for part := range strings.SplitSeq(rest, "-") {
		n, err := strconv.Atoi(part)
		if err != nil || n > 99 {
			if len(numbers) > 0 {
				break
			}
			continue
		}
		numbers = append(numbers, n)
	}
	switch len(numbers) {
	case 0:
		return 0, 0, false
	case 1:
		return numbers[0], 0, true
	}
	return numbers[0], numbers[1], true
}

// atLeast says whether a model is of that generation or a later one.
func atLeast(model string, major, minor int) bool {
	a, b, ok := version(model)
	return ok && (a > major || a == major && b >= minor)
}

// adaptive says whether a model decides itself how long it thinks, and is told an effort: Claude 4.6 and later.
func adaptive(model string) bool { return atLeast(model, 4, 6) }

// structured says whether a model gives its answer in the form of a schema: Claude 4.5 and later, and Opus 4.1 (Anthropic,
// structured outputs, 2025-12). A name that says nothing is taken for a newer model's.
func structured(model string) bool {
	_, _, known := version(model)
	return !known || atLeast(model, 4, 5) || strings.Contains(model, "opus-4-1")
}

// unsampled says whether a model takes no sampling parameters: Claude 4.7 and later.
func unsampled(model string) bool { return atLeast(model, 4, 7) }
