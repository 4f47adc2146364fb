"""USD made by hand, as other writers make it."""

HEAD = '#usda 1.0\n(\n    upAxis = "{up}"\n{more})\n'
SPLAT = """
    def ParticleField3DGaussianSplat "{name}"
    {{
        point3f[] positions = [(1, 0, 0), (0, 0, 1)]
        quatf[] orientations = [(1, 0, 0, 0), (0, 2, 0, 0)]
        float3[] scales = [(1, 0.5, 0.25), (1, 1, 1)]
        float[] opacities = [0.5, 1]
        uniform int radiance:sphericalHarmonicsDegree = 1
        float3[] radiance:sphericalHarmonicsCoefficients = [
            (1, 2, 3), (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), (0.7, 0.8, 0.9),
            (4, 5, 6), (0, 0, 0), (0, 0, 0), (0, 0, 0)]
{more}    }}
"""
HALVES = """
    def ParticleField3DGaussianSplat "Halves"
    {
        point3h[] positionsh = [(0.5, 1, 2)]
        quath[] orientationsh = [(1, 0, 0, 0)]
        half3[] scalesh = [(1, 1, 1)]
        half[] opacitiesh = [0.25]
        uniform int radiance:sphericalHarmonicsDegree = 0
        half3[] radiance:sphericalHarmonicsCoefficientsh = [(7, 8, 9)]
    }
"""
MOVED = """
    double3 xformOp:translate = (10, 20, 30)
    float xformOp:rotateZ = 90
    float3 xformOp:scale = (2, 2, 2)
    uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateZ", "xformOp:scale"]
"""


def splat(name: str = "A", more: str = "") -> str:
    return SPLAT.format(name=name, more=more)


def scene(*prims: str, up: str = "Y", above: str = "", more: str = "") -> str:
    """A scene of prims below one with attributes of its own."""
    return f'{HEAD.format(up=up, more=more)}def Xform "World"\n{{{above}{"".join(prims)}}}\n'
