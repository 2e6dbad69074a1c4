package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError adds the flag that was probably meant to the error of an unknown one, and says what a number must be.
func flagError(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	var number *strconv.NumError
	if errors.As(err, &invalid) && errors.As(err, &number) && number.Func == "ParseInt" {
		problem := "is not a whole number"
		if errors.Is(err, strconv.ErrRange) {
			problem = "is out of range"
		}
		return fmt.Errorf("--%s: %q %s", invalid.GetFlag().Name, invalid.GetValue(), problem)
	}
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	name := "--" + strings.TrimLeft(unknown.GetSpecifiedName(), "-")
	return fmt.Errorf("unknown flag: %s%s; `%s --help` lists them", name, didYouMean(name, names), cmd.CommandPath())
}

// takes is for verbs with n arguments, needs for those with n or more: what they are, in a person's words.
func takes(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return fmt.Errorf("%s takes %s, not %d; `%s --help` shows an example", cmd.Name(), what, len(args), cmd.CommandPath())
		}
		return nil
	}
}

func needs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return fmt.Errorf("%s needs %s; `%s --help` shows an example", cmd.Name(), what, cmd.CommandPath())
		}
		return nil
	}
}

var (
	oneFile   = takes(1, "one FILE")
	someFiles = needs(1, "a FILE")
)
