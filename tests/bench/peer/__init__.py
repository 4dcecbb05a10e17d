"""The peer: saas.yaml as somebody would write it by hand on Faust, doing the same work as far as events alone can move a journey."""
