"""The mesh engine: a portrait moves by its own face mesh and its own pixels. docs/MESH.md tells how.

    engine.py    what the pipeline asks of it
    render.py    what is remembered of a source face, and one picture of it, step by step

    shape/       points      which vertex is what; the head's pose
                 movements   what a face can do: lids, gaze, jaw, smile, ...
                 layout      what the points mean to the motion algebra
                 controls    sliders, openness of eyes and lips, limits of the head
                 surround    rings around the face, and the head behind it
    layers/      person      the person, who moves, over a still plate of what is behind
                 background  what is behind, made up where the person hid it
    drawing/     warp        triangles, a field of displacements, and the look-up of pixels
                 stand_in    skin where an eye or a mouth was, and soft lines
                 mirror      the side of the head that the source hides
                 folds       wrinkles
    eyes/        edges, layers, paint           found, taken apart, shown
    mouth/       teeth, borrowed, parts, paint  the source's, the driver's, drawn ones, shown
    colours.py, curves.py    used by all

Each imports only from those before it: curves, shape, colours, layers, drawing, eyes and mouth, render, engine.

Sizes, shares and thresholds whose docstring names no source were chosen by eye; no measurement of them is recorded.
"""
