"""stub"""
def search(exam, case, label): return None
