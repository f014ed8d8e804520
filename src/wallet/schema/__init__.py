"""The public API: types, inputs, unions, scalars, the root, the HTTP view."""
