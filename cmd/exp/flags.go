package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError adds the flag that was probably meant to the error of an unknown one.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	name := "--" + strings.TrimLeft(unknown.GetSpecifiedName(), "-")
	return fmt.Errorf("unknown flag: %s%s; `%s --help` lists them", name, didYouMean(name, names), cmd.CommandPath())
}

// oneFile and someFiles say what is missing in a person's words.
func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s takes one FILE, not %d; `%s --help` shows an example", cmd.Name(), len(args), cmd.CommandPath())
	}
	return nil
}

func someFiles(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s needs a FILE; `%s --help` shows an example", cmd.Name(), cmd.CommandPath())
	}
	return nil
}
