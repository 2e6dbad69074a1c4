package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"exp/blocks"
	"exp/internal/term"
)

func newDescribeCmd(a *app) *cobra.Command {
	e, o := &experimentFlags{}, &output{}
	var picture string
	cmd := &cobra.Command{
		Use:   "describe FILE",
		Short: "Show the layers of an experiment's net, their shapes and what they cost",
		Long: `Show the layers of an experiment's net, their shapes and what they cost.

Multiply-adds are those of one example's forward pass; depth counts convolutions and
dense layers outside of shortcuts. --graph draws the net besides: Units in frames, equal ones
once, shortcuts beside their branches.

` + experimentHelp + `

` + exitCodes,
		Example:           "  exp describe resnet-cifar\n  exp describe he2015 --set model.units=9 --json\n  exp describe wrn-16-4 --graph net.svg",
		Args:              oneFile,
		ValidArgsFunction: oneFileOnly,
		RunE: a.run(func(cmd *cobra.Command, files []string) error {
			format, err := o.format()
			if err != nil {
				return err
			}
			var form string
			if cmd.Flags().Changed("graph") {
				if form, err = ending("--graph", picture, ".svg", ".dot"); err != nil {
					return err
				}
			}
			loaded, err := a.loadAll(e, files)
			if err != nil {
				return err
			}
			if form != "" {
				if err := a.picture(picture, form, loaded[0].Name, loaded[0].Net); err != nil {
					return err
				}
			}
			return a.describe(loaded[0].Net, format)
		}),
	}
	e.flags(cmd)
	o.flags(cmd)
	cmd.Flags().StringVar(&picture, "graph", "", "draw the net into a file: NAME.svg, or NAME.dot for Graphviz")
	return cmd
}

func (a *app) describe(n *blocks.Net, format term.Format) error {
	layers := layerTable(n)
	total, trainable, rest := n.Count()
	if format == term.JSON {
		return term.WriteJSON(a.out, term.Object{
			{Key: "total_params", Value: total},
			{Key: "trainable_params", Value: trainable},
			{Key: "non_trainable_params", Value: rest},
			{Key: "macs", Value: n.MACs()},
			{Key: "depth", Value: n.Depth()},
			{Key: "layers", Value: layers},
		})
	}
	if err := layers.Write(a.out, format, a.color(a.outTTY)); err != nil || !format.ForPeople() {
		return err
	}
	_, err := fmt.Fprintf(a.out, "\nTotal parameters: %s\nTrainable: %s\nNon-trainable: %s\nMultiply-adds: %s\nDepth: %d\n",
		term.Count(total), term.Count(trainable), term.Count(rest), term.Count(n.MACs()), n.Depth())
	return err
}

// names are the layers that a layer reads.
type names []string

func (n names) String() string { return strings.Join(n, ", ") }

func layerTable(n *blocks.Net) *term.Table {
	t := &term.Table{Columns: []term.Column{
		{Name: "name", Head: "layer"},
		{Name: "kind"},
		{Name: "shape", Head: "output shape"},
		{Name: "params", Head: "parameters", Text: term.Count},
		{Name: "macs", Head: "multiply-adds", Text: term.Count},
		{Name: "inputs", Head: "connected to"},
	}}
	for _, l := range n.Layers {
		params, inputs := 0, names{}
		for _, p := range l.Params {
			params += p.Size()
		}
		for _, in := range l.Inputs {
			inputs = append(inputs, in.Name)
		}
		t.Add(l.Name, l.Kind, l.Shape, params, l.MACs, inputs)
	}
	return t
}
