"""What a task's model sees before it answers: the features of its backbone, for trainings that a model guides.

Start with :func:`tasks.backbones.find.find_backbone`, which takes a model as a suite names it; the training of
derainers comes in.
"""
