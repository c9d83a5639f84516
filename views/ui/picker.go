package ui

import "strconv"

func (p Picker) optionID(i int) string { return p.ID + "-" + strconv.Itoa(i) }
